use std::time::Duration;

use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault, best_effort};
use crate::{
    admin::{Seen, Witness},
    config::TokensPolicy,
    custom_auth::{Gate, LastGate, TokenKind, TokenRequest},
    kernel::Refusal,
    tokens::Issuing,
};

/// What a refreshed token says of the last sign-in is worth this much waiting.
const LONGEST: Duration = Duration::from_secs(1);

/// The last gate before tokens, and what tokens say (COGNITO.md §1.9). It lets tokens be issued or, by an
/// error, not.
#[derive(Debug)]
pub struct PreTokenGeneration {
    gate: LastGate,
    policy: TokensPolicy,
    witness: Option<Witness>,
}

impl PreTokenGeneration {
    pub fn new(gate: LastGate, policy: TokensPolicy) -> Self {
        Self { gate, policy, witness: None }
    }

    /// Has sign-ins of administrators noted. Of those that are not the admin API takes no token.
    #[must_use]
    pub fn seen_by(self, witness: Witness) -> Self {
        Self { witness: Some(witness), ..self }
    }
}

impl Trigger for PreTokenGeneration {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        let request = TokenRequest {
            client_id: event.client_id(),
            user: event.user(),
            user_name: event.user_name(),
            groups: event.groups().map(ToOwned::to_owned).collect(),
            kind: match event.source() {
                "TokenGeneration_RefreshTokens" => TokenKind::Refresh,
                "TokenGeneration_ClientCredentials" => TokenKind::ClientCredentials,
                // Every other source, known or not, is a sign-in.
                _ => TokenKind::SignIn,
            },
            named: event.client_metadata("nonce"),
        };
        let mut admitted = match self.gate.admit(&request).await? {
            Gate::Open(admitted) => admitted,
            Gate::UnknownClient => return Err(Refusal::AppClientUnknown.into()),
            Gate::NotProven => return Err(Refusal::SignInIncomplete.into()),
        };
        if request.kind == TokenKind::Refresh && self.policy.mfa_methods {
            // Without it a token says less; a session must not end for that.
            let proven = self.gate.proven_last(&request);
            admitted.methods = best_effort("challenges.read", LONGEST, proven).await.flatten();
        }
        if let (Some(witness), Some(user), TokenKind::SignIn) = (&self.witness, &request.user, request.kind) {
            let seen = Seen {
                user,
                user_name: request.user_name,
                groups: &request.groups,
                methods: admitted.methods.as_ref(),
                asks_wherever_one_is_on: asks_wherever_one_is_on(event),
            };
            witness.see(&seen).await?;
        }
        let issuing = Issuing {
            version: event.token_version(),
            client: &admitted.client,
            is_refresh: request.kind == TokenKind::Refresh,
            has_user: request.kind != TokenKind::ClientCredentials,
            attributes: event.attributes().collect(),
            methods: admitted.methods.as_ref(),
            groups: event.group_configuration(),
        };
        Ok(self.policy.overrides(&issuing)?)
    }
}

/// By the source, where Cognito asks for a second factor if one is on. Not on a device that it remembers,
/// not where another identity provider answers for the user: an account that is linked with one may have
/// come in by it. A source that is not known is none.
fn asks_wherever_one_is_on(event: Event<'_>) -> bool {
    match event.source() {
        "TokenGeneration_Authentication" | "TokenGeneration_NewPasswordChallenge" => true,
        "TokenGeneration_HostedAuth" => event.attributes().all(|(name, _)| name != "identities"),
        _ => false,
    }
}

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault, best_effort};
use crate::{
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
}

impl PreTokenGeneration {
    pub fn new(gate: LastGate, policy: TokensPolicy) -> Self {
        Self { gate, policy }
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

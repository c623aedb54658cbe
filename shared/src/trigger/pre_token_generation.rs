use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault};
use crate::{
    assurance::{Evidence, RecordedSignIn, SignInRecords},
    config::TokensPolicy,
    custom_auth::{NativeSteps, TokenDecision, TokenGate, TokenKind, TokenRequest},
    kernel::{Clock, PortError, Refusal, UserId},
    tokens::{Issuing, TokenVersion},
};

/// The last gate before tokens, and what tokens say (cognito.md §1.9). It lets tokens be issued or, by an
/// error, not.
#[derive(Debug)]
pub struct PreTokenGeneration {
    gate: TokenGate,
    policy: TokensPolicy,
    recorder: SignInRecorder,
}

impl PreTokenGeneration {
    pub fn new(gate: TokenGate, policy: TokensPolicy, recorder: SignInRecorder) -> Self {
        Self { gate, policy, recorder }
    }
}

/// Records what sign-ins proved where their tokens can't say it for as long as it is needed.
pub struct SignInRecorder {
    administrators: Vec<String>,
    records: Arc<dyn SignInRecords>,
    clock: Arc<dyn Clock>,
}

impl SignInRecorder {
    /// `administrators`: groups whose members' sign-ins are recorded in any case.
    pub fn new(administrators: Vec<String>, records: Arc<dyn SignInRecords>, clock: Arc<dyn Clock>) -> Self {
        Self { administrators, records, clock }
    }

    /// An error keeps the tokens from being issued: a sign-in without a record would go unseen beside a
    /// stronger one.
    async fn record(
        &self,
        user: &UserId,
        request: &TokenRequest<'_>,
        version: TokenVersion,
        evidence: Evidence,
    ) -> Result<(), PortError> {
        let is_administrator = self.administrators.iter().any(|group| request.groups.contains(group));
        if version != TokenVersion::V1 && !is_administrator {
            return Ok(());
        }
        let now = self.clock.now();
        let at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let sign_in = RecordedSignIn { at, client: request.client_id.to_owned(), evidence };
        self.records.record(user, &sign_in).await
    }
}

impl std::fmt::Debug for SignInRecorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInRecorder").field("administrators", &self.administrators).finish_non_exhaustive()
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
            native: native_steps(event),
            named: event.client_metadata("nonce"),
        };
        let admitted = match self.gate.admit(&request).await? {
            TokenDecision::Granted(admitted) => admitted,
            TokenDecision::UnknownClient => return Err(Refusal::AppClientUnknown.into()),
            TokenDecision::NotProven => return Err(Refusal::SignInIncomplete.into()),
        };
        if let (Some(user), Some(evidence)) = (&request.user, admitted.evidence) {
            self.recorder.record(user, &request, event.token_version(), evidence).await?;
        }
        let issuing = Issuing {
            version: event.token_version(),
            client: &admitted.client,
            is_refresh: request.kind == TokenKind::Refresh,
            has_user: request.kind != TokenKind::ClientCredentials,
            attributes: event.attributes().collect(),
            methods: admitted.methods.as_ref(),
            evidence: admitted.evidence,
            groups: event.group_configuration(),
        };
        Ok(self.policy.overrides(&issuing)?)
    }
}

/// Tells by the source what Cognito has asked for. An account that is linked with another identity provider
/// may have come in by it.
fn native_steps(event: Event<'_>) -> NativeSteps {
    match event.source() {
        "TokenGeneration_Authentication" | "TokenGeneration_NewPasswordChallenge" => NativeSteps::FactorIfOn,
        "TokenGeneration_HostedAuth" if event.attributes().all(|(name, _)| name != "identities") => {
            NativeSteps::FactorIfOn
        }
        "TokenGeneration_AuthenticateDevice" => NativeSteps::RememberedDevice,
        _ => NativeSteps::Unknown,
    }
}

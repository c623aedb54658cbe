use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault};
use crate::{
    assurance::{Evidence, RecordedSignIn, SignInRecords},
    config::policy::TokensPolicy,
    custom_auth::token_gate::{NativeSteps, TokenDecision, TokenGate, TokenKind, TokenRequest},
    kernel::{Clock, PortError, Refusal, UserId},
    tokens::{Issuing, TokenVersion},
};

/// The last check before tokens are issued, and the changes to them (cognito.md §1.9). An error keeps the
/// tokens from being issued.
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

/// Records the evidence of sign-ins whose tokens cannot carry it for as long as it is needed.
#[derive(Debug)]
pub struct SignInRecorder {
    administrators: Vec<String>,
    records: Arc<dyn SignInRecords>,
    clock: Arc<dyn Clock>,
}

impl SignInRecorder {
    /// Creates the recorder. It always records the sign-ins of members of `administrators`, a list of groups.
    pub fn new(administrators: Vec<String>, records: Arc<dyn SignInRecords>, clock: Arc<dyn Clock>) -> Self {
        Self { administrators, records, clock }
    }

    /// Records a sign-in. An error keeps the tokens from being issued, because the token of an unrecorded
    /// sign-in would be judged by a stronger record.
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

/// Returns the factors that Cognito has asked for, by the source of the event. The user of an account that is
/// linked with an identity provider may have signed in there.
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

use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault};
use crate::{
    custom_auth::{Gate, LastGate, TokenKind, TokenRequest},
    kernel::Refusal,
};

/// The last gate before tokens (COGNITO.md §1.9). It changes no claim: it lets tokens be issued or, by
/// an error, not.
#[derive(Debug)]
pub struct PreTokenGeneration(LastGate);

impl PreTokenGeneration {
    pub fn new(gate: LastGate) -> Self {
        Self(gate)
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
        match self.0.admit(&request).await? {
            Gate::Open => Ok(Map::new()),
            Gate::UnknownClient => Err(Refusal::AppClientUnknown.into()),
            Gate::NotProven => Err(Refusal::SignInIncomplete.into()),
        }
    }
}

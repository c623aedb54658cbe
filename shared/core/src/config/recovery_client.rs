use super::Environment;

/// The app client that checks passwords before an account is recovered. No user signs in with it: we send no
/// code for it, count no attempt and issue no token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryClient(Option<String>);

impl RecoveryClient {
    /// Reads `MFA_RECOVERY_CLIENT`, the client's id. It is absent if accounts cannot be recovered.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        Self(environment.optional("MFA_RECOVERY_CLIENT"))
    }

    pub fn of(id: &str) -> Self {
        Self(Some(id.to_owned()))
    }

    pub fn id(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Returns whether `client_id` is the recovery client.
    pub fn is(&self, client_id: &str) -> bool {
        self.id().is_some_and(|id| id == client_id)
    }
}

use super::Environment;

/// The app client that passwords are checked at before an account is recovered, and that nobody signs in
/// with: no code is sent for it, no attempt counted, no token issued.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoveryClient(Option<String>);

impl RecoveryClient {
    /// `MFA_RECOVERY_CLIENT`: the client's id; none where accounts are not recovered.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        Self(environment.optional("MFA_RECOVERY_CLIENT"))
    }

    pub fn of(id: &str) -> Self {
        Self(Some(id.to_owned()))
    }

    pub fn id(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Whether an event's client is it.
    pub fn is(&self, client_id: &str) -> bool {
        self.id().is_some_and(|id| id == client_id)
    }
}

use std::error::Error;

/// The failure of a dependency, for operators. It is logged once, at the boundary, and never shown to a user.
/// The user reads [`Refusal::TemporarilyUnavailable`](super::Refusal) instead.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed")]
pub struct PortError {
    /// The port's operation, such as `dynamodb.UpdateItem`.
    pub operation: &'static str,
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl PortError {
    pub fn new(operation: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { operation, source: source.into() }
    }

    /// Returns the whole chain of causes in one line, for a log.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause: Option<&(dyn Error + 'static)> = Some(self.source.as_ref());
        while let Some(fault) = cause {
            text.push_str(": ");
            text.push_str(&fault.to_string());
            cause = fault.source();
        }
        text
    }
}

/// The reason why an operator's text can't be sent. It names places, never the content of a message, which
/// may be a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("not UTF-8 text")]
    Unreadable,
    #[error("not Fluent")]
    NotFluent,
    #[error("lacks the sentence {id}")]
    NoSentence { id: String },
    #[error("{id}: {reason}")]
    Sentence { id: String, reason: String },
    /// `detail` may quote a value, so only texts made of samples may use it.
    #[error("{layout}: {reason}")]
    Layout { layout: String, line: Option<usize>, reason: String, detail: Option<String> },
    #[error("{part}: does not contain the code unchanged")]
    LacksCode { part: &'static str },
    #[error("{part}: {reason}")]
    NotAccepted { part: &'static str, reason: &'static str },
}

/// Why a text of an operator's can't go out. It names places, never what a message was filled with:
/// that may be a code.
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
    /// `detail` may quote a value, so it is for texts made of samples only.
    #[error("{layout}: {reason}")]
    Layout { layout: String, line: Option<usize>, reason: String, detail: Option<String> },
    #[error("{part}: does not contain the code unchanged")]
    LacksCode { part: &'static str },
    #[error("{part}: {reason}")]
    NotAccepted { part: &'static str, reason: &'static str },
}

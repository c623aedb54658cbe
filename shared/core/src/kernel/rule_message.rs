/// The message that a user reads when an operator's rule refuses: one short line, as public as the catalogue
/// of [`Refusal`](super::Refusal).
///
/// Only the reader of an operator's rules may create it, because other code could show anything to a user.
/// `tests/tests/architecture.rs` checks this. Rules are read once, at the start of a process, so messages
/// live until its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RuleMessage(&'static str);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    #[error("must have 1 to {} characters", RuleMessage::LONGEST)]
    Length,
    #[error("must not end with a full stop, which Cognito adds")]
    FullStop,
    #[error("must be one line, with no blank at its ends")]
    NotOneLine,
}

impl RuleMessage {
    /// The longest message in characters. Managed login shows it above its form, apps in a line or two.
    pub const LONGEST: usize = 120;

    pub fn parse(text: &str) -> Result<Self, InvalidMessage> {
        if text.is_empty() || text.chars().count() > Self::LONGEST {
            return Err(InvalidMessage::Length);
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            return Err(InvalidMessage::NotOneLine);
        }
        if text.ends_with(['.', '。']) {
            return Err(InvalidMessage::FullStop);
        }
        Ok(Self(text.to_owned().leak()))
    }

    pub fn text(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Update the app to sign in", Ok(()))]
    #[case("Bitte aktualisieren: die App ist zu alt!", Ok(()))]
    #[case("", Err(InvalidMessage::Length))]
    #[case("Update the app.", Err(InvalidMessage::FullStop))]
    #[case("Update\nthe app", Err(InvalidMessage::NotOneLine))]
    #[case(" Update the app", Err(InvalidMessage::NotOneLine))]
    #[case("Update\u{7}", Err(InvalidMessage::NotOneLine))]
    fn a_message_is_one_short_line(#[case] text: &str, #[case] expected: Result<(), InvalidMessage>) {
        assert_eq!(RuleMessage::parse(text).map(drop), expected);
        assert!(expected.is_err() || RuleMessage::parse(text).unwrap().text() == text);
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(RuleMessage::parse(&"ü".repeat(120)).is_ok());
        assert_eq!(RuleMessage::parse(&"u".repeat(121)), Err(InvalidMessage::Length));
    }
}

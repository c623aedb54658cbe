use zeroize::Zeroizing;

use super::{Entropy, PortError, typed::symbols};

/// The largest multiple of 10 in a byte. Bytes from here on would favour the digits 0 to 5.
const FAIR: u8 = 250;

/// A code that a user typed, normalised when it arrives: `"123 456"`, `"１２３４５６"` and `"١٢٣٤٥٦"` are the same
/// code.
#[derive(Clone)]
pub struct OneTimeCode(Zeroizing<String>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a one-time code")]
pub struct InvalidCode;

impl OneTimeCode {
    /// Accepts 4 to 12 digits. Cognito sends 6, or 8 for passwordless codes (cognito.md §2.3).
    pub fn parse(typed: &str) -> Result<Self, InvalidCode> {
        // The text is longer than any code with any grouping.
        if typed.len() > 128 {
            return Err(InvalidCode);
        }
        let mut digits = Zeroizing::new(String::with_capacity(12));
        for character in symbols(typed) {
            if !character.is_ascii_digit() {
                return Err(InvalidCode);
            }
            digits.push(character);
        }
        (4..=12).contains(&digits.len()).then_some(Self(digits)).ok_or(InvalidCode)
    }

    /// Parses a code of an authenticator app: exactly 6 digits (cognito.md §4.3).
    pub fn parse_totp(typed: &str) -> Result<Self, InvalidCode> {
        let code = Self::parse(typed)?;
        (code.0.len() == 6).then_some(code).ok_or(InvalidCode)
    }

    /// Draws a code of `length` digits, 4 to 12. Every code is equally likely: we discard bytes that would
    /// favour some digits and draw again.
    pub fn draw(entropy: &dyn Entropy, length: usize) -> Result<Self, PortError> {
        let length = length.clamp(4, 12);
        let mut digits = Zeroizing::new(String::with_capacity(length));
        let mut bytes = Zeroizing::new([0_u8; 16]);
        while digits.len() < length {
            entropy.fill(bytes.as_mut())?;
            let left = length - digits.len();
            let fair = bytes.iter().filter(|byte| **byte < FAIR).take(left);
            digits.extend(fair.map(|byte| char::from(b'0' + byte % 10)));
        }
        Ok(Self(digits))
    }

    /// Returns the digits, for the adapter that sends them.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OneTimeCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("123456")]
    #[case::grouped("123 456")]
    #[case::leading_blank(" 123456\n")]
    #[case::hyphen("123-456")]
    #[case::no_break_space("123\u{a0}456")]
    #[case::full_width("１２３４５６")]
    #[case::arabic_indic("١٢٣٤٥٦")]
    #[case::ideographic_space("１２３\u{3000}４５６")]
    fn every_spelling_is_the_same_code(#[case] typed: &str) {
        assert_eq!(OneTimeCode::parse_totp(typed).unwrap().expose(), "123456");
    }

    #[rstest]
    #[case::empty("")]
    #[case::short("123")]
    #[case::long("1234567890123")]
    #[case::letter("12345a")]
    #[case::superscript("¹²³⁴⁵⁶")]
    #[case::sign("+123456")]
    #[case::point("123.456")]
    fn anything_else_is_refused(#[case] typed: &str) {
        assert!(OneTimeCode::parse(typed).is_err());
    }

    #[test]
    fn an_authenticator_code_has_six_digits() {
        assert!(OneTimeCode::parse("12345678").is_ok());
        assert!(OneTimeCode::parse_totp("12345678").is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_typed_the_result_is_digits_and_prints_nothing(typed in ".{0,40}") {
            if let Ok(code) = OneTimeCode::parse(&typed) {
                prop_assert!(code.expose().bytes().all(|byte| byte.is_ascii_digit()));
                prop_assert_eq!(format!("{code:?}"), "OneTimeCode(..)");
            }
        }
    }
}

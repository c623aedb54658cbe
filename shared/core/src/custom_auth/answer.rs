use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::round_state::RoundPrompt;
use crate::{
    factors::custom::{FactorId, RecoveryCode},
    kernel::{CustomFactor, OneTimeCode},
};

/// A client's `ANSWER`, read as what the round asks for. Any other text is invalid.
#[derive(Clone)]
pub(super) enum Answer {
    Factor(CustomFactor),
    Resend,
    Back,
    /// A code of a message or of an authenticator app.
    Code(CustomFactor, OneTimeCode),
    Recovery(RecoveryCode),
    Device {
        id: FactorId,
        signature: Zeroizing<Vec<u8>>,
    },
    /// The answer of a browser to a passkey's challenge, as JSON.
    Passkey(String),
}

impl Answer {
    /// Limit in bytes, above the length of any valid answer. A device's signature has 64 bytes.
    const LONGEST: usize = 1024;
    /// Limit in bytes for a passkey. An RSA signature, an id of 1,023 bytes and client data fit, in base64url.
    const LONGEST_PASSKEY: usize = 4096;

    pub(super) fn parse(text: &str, ask: RoundPrompt, offers: impl Fn(CustomFactor) -> bool) -> Option<Self> {
        let is_passkey = matches!(ask, RoundPrompt::Code { factor: CustomFactor::Passkey, .. });
        if text.len() > if is_passkey { Self::LONGEST_PASSKEY } else { Self::LONGEST } {
            return None;
        }
        let text = text.trim();
        match ask {
            RoundPrompt::Begin => {
                let name = text.to_ascii_lowercase();
                let answer = CustomFactor::from_name(&name)
                    // A user does not choose a device: its signature is the answer at once.
                    .filter(|factor| *factor != CustomFactor::TrustedDevice)
                    .map(Self::Factor)
                    .or_else(|| Self::proof(CustomFactor::TrustedDevice, text))
                    .or_else(|| Self::proof(CustomFactor::Totp, text))
                    .or_else(|| Self::proof(CustomFactor::RecoveryCode, text))?;
                offers(answer.factor()?).then_some(answer)
            }
            RoundPrompt::Enrol { .. } => Self::proof(CustomFactor::Totp, text),
            RoundPrompt::Code { .. } if text.eq_ignore_ascii_case("RESEND") => Some(Self::Resend),
            RoundPrompt::Code { .. } if text.eq_ignore_ascii_case("BACK") => Some(Self::Back),
            RoundPrompt::Code { factor, .. } => Self::proof(factor, text),
        }
    }

    fn proof(factor: CustomFactor, text: &str) -> Option<Self> {
        match factor {
            CustomFactor::EmailCode | CustomFactor::SmsCode => {
                OneTimeCode::parse(text).ok().map(|code| Self::Code(factor, code))
            }
            CustomFactor::Totp => OneTimeCode::parse_totp(text).ok().map(|code| Self::Code(factor, code)),
            CustomFactor::RecoveryCode => RecoveryCode::parse(text).ok().map(Self::Recovery),
            CustomFactor::Passkey => text.starts_with('{').then(|| Self::Passkey(text.to_owned())),
            CustomFactor::TrustedDevice => {
                let signed: Signed = serde_json::from_str(text).ok()?;
                Some(Self::Device {
                    id: FactorId::parse(&signed.device).ok()?,
                    signature: Zeroizing::new(BASE64URL_NOPAD.decode(signed.signature.as_bytes()).ok()?),
                })
            }
        }
    }

    /// Returns the factor that the answer chooses or proves.
    pub(super) fn factor(&self) -> Option<CustomFactor> {
        match self {
            Self::Factor(factor) | Self::Code(factor, _) => Some(*factor),
            Self::Recovery(_) => Some(CustomFactor::RecoveryCode),
            Self::Device { .. } => Some(CustomFactor::TrustedDevice),
            Self::Passkey(_) => Some(CustomFactor::Passkey),
            Self::Resend | Self::Back => None,
        }
    }
}

/// The answer of a trusted device: `{"device": id, "signature": base64url}`.
#[derive(Deserialize)]
struct Signed {
    device: String,
    signature: String,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer(..)")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn kind(text: &str, ask: RoundPrompt) -> String {
        match Answer::parse(text, ask, |_| true) {
            None => "nothing".into(),
            Some(Answer::Factor(factor)) => format!("chooses {}", factor.name()),
            Some(Answer::Resend) => "resend".into(),
            Some(Answer::Back) => "back".into(),
            Some(answer) => format!("proves {}", answer.factor().unwrap().name()),
        }
    }

    const DEVICE: &str = r#"{"device":"0123456789abcdef0123456789abcdef","signature":"AAAA"}"#;

    #[rstest]
    #[case("email", "chooses email")]
    #[case(" SMS ", "chooses sms")]
    #[case("recovery-code", "chooses recovery-code")]
    #[case("passkey", "chooses passkey")]
    #[case("trusted-device", "nothing")]
    #[case("123 456", "proves totp")]
    #[case("12345678", "nothing")]
    #[case("0123-4567-89AB-CDEF-GHJK-MNPQ", "proves recovery-code")]
    #[case(DEVICE, "proves trusted-device")]
    #[case(r#"{"device":"x","signature":"AAAA"}"#, "nothing")]
    #[case("RESEND", "nothing")]
    #[case("", "nothing")]
    fn to_which_factor(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(kind(text, RoundPrompt::Begin), expected);
    }

    #[rstest]
    #[case(CustomFactor::EmailCode, "123456", "proves email")]
    #[case(CustomFactor::EmailCode, "sms", "nothing")]
    #[case(CustomFactor::EmailCode, DEVICE, "nothing")]
    #[case(CustomFactor::SmsCode, "１２３４５６", "proves sms")]
    #[case(CustomFactor::Totp, "1234567", "nothing")]
    #[case(CustomFactor::RecoveryCode, "123456", "nothing")]
    #[case(CustomFactor::RecoveryCode, "back", "back")]
    #[case(CustomFactor::SmsCode, "Resend", "resend")]
    #[case(CustomFactor::Passkey, "{}", "proves passkey")]
    #[case(CustomFactor::Passkey, "123456", "nothing")]
    #[case(CustomFactor::Passkey, "BACK", "back")]
    fn to_a_factor_that_is_pinned(#[case] factor: CustomFactor, #[case] text: &str, #[case] expected: &str) {
        assert_eq!(kind(text, RoundPrompt::Code { factor, round_index: 1 }), expected);
    }

    #[test]
    fn what_was_not_offered_is_nothing() {
        assert!(
            Answer::parse("sms", RoundPrompt::Begin, |factor| factor == CustomFactor::EmailCode).is_none()
        );
        assert!(
            Answer::parse("123456", RoundPrompt::Begin, |factor| factor == CustomFactor::EmailCode).is_none()
        );
    }
}

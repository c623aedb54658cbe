use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Ask;
use crate::{
    factors::own::{FactorId, RecoveryCode},
    kernel::{OneTimeCode, OwnFactor},
};

/// A client's `ANSWER`, read as what the round asks for. Whatever else is none.
#[derive(Clone)]
pub(super) enum Said {
    Factor(OwnFactor),
    Resend,
    Back,
    /// Of a message or of an authenticator app.
    Code(OwnFactor, OneTimeCode),
    Recovery(RecoveryCode),
    Device {
        id: FactorId,
        signature: Zeroizing<Vec<u8>>,
    },
}

impl Said {
    /// Longer than any answer; a device's signature has 64 bytes.
    const LONGEST: usize = 1024;

    pub(super) fn parse(text: &str, ask: Ask, offers: impl Fn(OwnFactor) -> bool) -> Option<Self> {
        if text.len() > Self::LONGEST {
            return None;
        }
        let text = text.trim();
        match ask {
            Ask::Begin => {
                let name = text.to_ascii_lowercase();
                let said = OwnFactor::from_name(&name)
                    // A device signs at once.
                    .filter(|factor| *factor != OwnFactor::TrustedDevice)
                    .map(Self::Factor)
                    .or_else(|| Self::proof(OwnFactor::TrustedDevice, text))
                    .or_else(|| Self::proof(OwnFactor::Totp, text))
                    .or_else(|| Self::proof(OwnFactor::RecoveryCode, text))?;
                offers(said.factor()?).then_some(said)
            }
            Ask::Enrol { .. } => Self::proof(OwnFactor::Totp, text),
            Ask::Code { .. } if text.eq_ignore_ascii_case("RESEND") => Some(Self::Resend),
            Ask::Code { .. } if text.eq_ignore_ascii_case("BACK") => Some(Self::Back),
            Ask::Code { factor, .. } => Self::proof(factor, text),
        }
    }

    fn proof(factor: OwnFactor, text: &str) -> Option<Self> {
        match factor {
            OwnFactor::EmailCode | OwnFactor::SmsCode => {
                OneTimeCode::parse(text).ok().map(|code| Self::Code(factor, code))
            }
            OwnFactor::Totp => OneTimeCode::parse_totp(text).ok().map(|code| Self::Code(factor, code)),
            OwnFactor::RecoveryCode => RecoveryCode::parse(text).ok().map(Self::Recovery),
            OwnFactor::TrustedDevice => {
                let signed: Signed = serde_json::from_str(text).ok()?;
                Some(Self::Device {
                    id: FactorId::parse(&signed.device).ok()?,
                    signature: Zeroizing::new(BASE64URL_NOPAD.decode(signed.signature.as_bytes()).ok()?),
                })
            }
        }
    }

    /// The factor that is chosen or proven.
    pub(super) fn factor(&self) -> Option<OwnFactor> {
        match self {
            Self::Factor(factor) | Self::Code(factor, _) => Some(*factor),
            Self::Recovery(_) => Some(OwnFactor::RecoveryCode),
            Self::Device { .. } => Some(OwnFactor::TrustedDevice),
            Self::Resend | Self::Back => None,
        }
    }
}

/// What a trusted device answers: `{"device": id, "signature": base64url}`.
#[derive(Deserialize)]
struct Signed {
    device: String,
    signature: String,
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Said(..)")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn kind(text: &str, ask: Ask) -> String {
        match Said::parse(text, ask, |_| true) {
            None => "nothing".into(),
            Some(Said::Factor(factor)) => format!("chooses {}", factor.name()),
            Some(Said::Resend) => "resend".into(),
            Some(Said::Back) => "back".into(),
            Some(said) => format!("proves {}", said.factor().unwrap().name()),
        }
    }

    const DEVICE: &str = r#"{"device":"0123456789abcdef0123456789abcdef","signature":"AAAA"}"#;

    #[rstest]
    #[case("email", "chooses email")]
    #[case(" SMS ", "chooses sms")]
    #[case("recovery-code", "chooses recovery-code")]
    #[case("trusted-device", "nothing")]
    #[case("123 456", "proves totp")]
    #[case("12345678", "nothing")]
    #[case("0123-4567-89AB-CDEF-GHJK-MNPQ", "proves recovery-code")]
    #[case(DEVICE, "proves trusted-device")]
    #[case(r#"{"device":"x","signature":"AAAA"}"#, "nothing")]
    #[case("RESEND", "nothing")]
    #[case("", "nothing")]
    fn to_which_factor(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(kind(text, Ask::Begin), expected);
    }

    #[rstest]
    #[case(OwnFactor::EmailCode, "123456", "proves email")]
    #[case(OwnFactor::EmailCode, "sms", "nothing")]
    #[case(OwnFactor::EmailCode, DEVICE, "nothing")]
    #[case(OwnFactor::SmsCode, "１２３４５６", "proves sms")]
    #[case(OwnFactor::Totp, "1234567", "nothing")]
    #[case(OwnFactor::RecoveryCode, "123456", "nothing")]
    #[case(OwnFactor::RecoveryCode, "back", "back")]
    #[case(OwnFactor::SmsCode, "Resend", "resend")]
    fn to_a_factor_that_is_pinned(#[case] factor: OwnFactor, #[case] text: &str, #[case] expected: &str) {
        assert_eq!(kind(text, Ask::Code { factor, round: 1 }), expected);
    }

    #[test]
    fn what_was_not_offered_is_nothing() {
        assert!(Said::parse("sms", Ask::Begin, |factor| factor == OwnFactor::EmailCode).is_none());
        assert!(Said::parse("123456", Ask::Begin, |factor| factor == OwnFactor::EmailCode).is_none());
    }
}

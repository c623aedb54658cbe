use jiff::Timestamp;

use super::{PasswordRecovery, Proofs, level};

/// The claim of the access token with the level, as decimal text.
pub const LEVEL_CLAIM: &str = "mfa_level";
/// The claim of the access token with the time of the second factor: seconds since the epoch, as text.
pub const SECOND_FACTOR_AT_CLAIM: &str = "mfa_at";
/// The lowest level at which a sign-in has a second factor.
pub const SECOND_FACTOR_LEVEL: u8 = 2;

/// The evidence of one token's own sign-in. It says nothing about other sign-ins of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// Number of independent proofs.
    pub level: u8,
    /// The time at which proofs that the user took part in reached [`SECOND_FACTOR_LEVEL`], without any device.
    pub second_factor_at: Option<Timestamp>,
}

impl Evidence {
    /// The evidence of a token without our claims. We only know that it was issued, which counts as one
    /// proof.
    pub const UNKNOWN: Self = Self { level: 1, second_factor_at: None };

    /// Returns the evidence of a sign-in that was completed `at`.
    pub fn of(proofs: &Proofs, recovery: PasswordRecovery, at: Timestamp) -> Self {
        let has_second_factor = level(&proofs.without_devices(), recovery) >= SECOND_FACTOR_LEVEL;
        // Claims and records hold whole seconds.
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        Self { level: level(proofs, recovery).max(1), second_factor_at: has_second_factor.then_some(at) }
    }

    /// Returns the claims for an access token.
    pub fn claims(&self) -> impl Iterator<Item = (&'static str, String)> {
        let at = self.second_factor_at.map(|at| (SECOND_FACTOR_AT_CLAIM, at.as_second().to_string()));
        std::iter::once((LEVEL_CLAIM, self.level.to_string())).chain(at)
    }

    /// Reads the claims of an access token. Returns `None` if the token has no level.
    pub fn from_claims<'a>(claim: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let level = claim(LEVEL_CLAIM)?.parse().ok()?;
        let at = claim(SECOND_FACTOR_AT_CLAIM).and_then(|seconds| seconds.parse().ok());
        let at = at.and_then(|seconds| Timestamp::from_second(seconds).ok());
        Some(Self { level, second_factor_at: at.filter(|_| level >= SECOND_FACTOR_LEVEL) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::kernel::CustomFactor;

    #[test]
    fn a_device_raises_the_level_and_is_no_second_factor() {
        let at = Timestamp::from_second(1_767_323_045).unwrap();
        let recovery = PasswordRecovery { email: true, sms: false };
        let of = |factors: &[CustomFactor]| {
            let factors = factors.iter().copied().collect();
            Evidence::of(&Proofs { password: true, factors, remembered_device: false }, recovery, at)
        };
        assert_eq!(of(&[CustomFactor::TrustedDevice]), Evidence { level: 2, second_factor_at: None });
        assert_eq!(of(&[CustomFactor::EmailCode, CustomFactor::TrustedDevice]).second_factor_at, None);
        assert_eq!(of(&[CustomFactor::Totp]), Evidence { level: 2, second_factor_at: Some(at) });
        let remembered = Proofs { password: true, remembered_device: true, ..Proofs::default() };
        assert_eq!(Evidence::of(&remembered, recovery, at), Evidence { level: 2, second_factor_at: None });
    }

    #[test]
    fn evidence_claims_round_trip_and_others_are_ignored() {
        let at = Timestamp::from_second(1_767_323_045).unwrap();
        for evidence in [Evidence::UNKNOWN, Evidence { level: 3, second_factor_at: Some(at) }] {
            let claims: BTreeMap<_, _> = evidence.claims().collect();
            assert_eq!(Evidence::from_claims(|name| claims.get(name).map(String::as_str)), Some(evidence));
        }
        assert_eq!(
            Evidence::from_claims(|name| (name == SECOND_FACTOR_AT_CLAIM).then_some("1767323045")),
            None
        );
        let low = Evidence::from_claims(|name| Some(if name == LEVEL_CLAIM { "1" } else { "1767323045" }));
        assert_eq!(low, Some(Evidence::UNKNOWN), "a time without a level is nothing");
    }
}

use jiff::Timestamp;
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

use crate::{
    factors::enrolment::TotpSecret,
    kernel::{Entropy, OneTimeCode, PortError},
};

const STEP_SECONDS: u64 = 30;
const SEED_BYTES: usize = 20;

/// A time step of RFC 6238 §4.2: the number of half minutes since the epoch.
pub type TotpStep = u64;

/// The secret that we share with an authenticator app: 160 random bits (RFC 4226 §4, R6). With SHA-1, 6
/// digits and 30 s, which every app expects.
#[derive(Clone)]
pub struct TotpSeed(Zeroizing<[u8; SEED_BYTES]>);

/// A seed sealed under the key for seeds, bound to pool, user and purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSeed(Vec<u8>);

/// The result of a code check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TotpCheck {
    /// The code is right. Its step must be marked as used.
    Right(TotpStep),
    /// The code's step, or a later one, is already used up.
    Used,
    Wrong,
}

impl TotpSeed {
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, PortError> {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        entropy.fill(seed.as_mut())?;
        Ok(Self(seed))
    }

    /// Returns the seed that we open if a name has no authenticator. It proves nothing.
    pub fn decoy() -> Self {
        Self(Zeroizing::new([0; SEED_BYTES]))
    }

    /// Returns `None` for anything but 20 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// Returns the seed, for the adapter that seals it.
    pub fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Returns the seed in base32, as apps read it.
    pub fn secret(&self) -> TotpSecret {
        TotpSecret::new(data_encoding::BASE32_NOPAD.encode(self.expose()))
    }

    /// Compares `code` with the steps before, at and after `now` (RFC 6238 §5.2). A step is valid once, over
    /// all of a user's authenticators: `last` and older steps are used up. So a code can't be replayed within
    /// the window, and an older one can't be used after a newer one.
    pub fn check(&self, code: &OneTimeCode, now: Timestamp, last: Option<TotpStep>) -> TotpCheck {
        let Some(totp) = self.generator() else { return TotpCheck::Wrong };
        let current = u64::try_from(now.as_second()).unwrap_or_default() / STEP_SECONDS;
        let mut found = TotpCheck::Wrong;
        // We compute all three steps, whichever matches.
        for step in [current.saturating_sub(1), current, current.saturating_add(1)] {
            let is_it = totp.check(code.expose(), step.saturating_mul(STEP_SECONDS)).is_some();
            let is_used = last.is_some_and(|last| step <= last);
            match (is_it, is_used, found) {
                (true, false, TotpCheck::Wrong | TotpCheck::Used) => found = TotpCheck::Right(step),
                (true, true, TotpCheck::Wrong) => found = TotpCheck::Used,
                _ => {}
            }
        }
        found
    }

    fn generator(&self) -> Option<Totp> {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_skew(0)
            .with_step_duration(STEP_SECONDS)
            .with_secret(self.expose().to_vec())
            .build()
            .ok()
    }
}

impl std::fmt::Debug for TotpSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSeed(..)")
    }
}

impl SealedSeed {
    pub fn new(ciphertext: Vec<u8>) -> Self {
        Self(ciphertext)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for SealedSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedSeed({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// RFC 6238, Appendix B.
    const RFC_SEED: &[u8] = b"12345678901234567890";

    fn check(second: i64, code: &str, last: Option<TotpStep>) -> TotpCheck {
        let code = OneTimeCode::parse_totp(code).unwrap();
        let seed = TotpSeed::from_bytes(RFC_SEED).unwrap();
        seed.check(&code, Timestamp::from_second(second).unwrap(), last)
    }

    /// The SHA-1 rows. The appendix has 8 digits, and the last 6 are the 6-digit code.
    #[rstest]
    #[case(59, "94287082")]
    #[case(1_111_111_109, "07081804")]
    #[case(1_111_111_111, "14050471")]
    #[case(1_234_567_890, "89005924")]
    #[case(2_000_000_000, "69279037")]
    #[case(20_000_000_000, "65353130")]
    fn the_vectors_of_rfc_6238(#[case] second: i64, #[case] code: &str) {
        let step = u64::try_from(second).unwrap() / 30;
        assert_eq!(check(second, &code[2..], None), TotpCheck::Right(step));
    }

    #[test]
    fn one_step_either_way_and_no_further() {
        let code = "287082";
        for (second, expected) in [
            (-1, TotpCheck::Wrong),
            (0, TotpCheck::Right(1)),
            (29, TotpCheck::Right(1)),
            (59, TotpCheck::Right(1)),
            (89, TotpCheck::Right(1)),
            (90, TotpCheck::Wrong),
        ] {
            // Before the epoch, the current step reads as 0.
            let second = if second < 0 { 30 * 100 } else { second };
            assert_eq!(check(second, code, None), expected, "{second}");
        }
    }

    #[test]
    fn a_step_is_good_once_and_so_is_what_came_before_it() {
        assert_eq!(check(59, "287082", Some(0)), TotpCheck::Right(1));
        assert_eq!(check(59, "287082", Some(1)), TotpCheck::Used);
        assert_eq!(check(59, "287082", Some(2)), TotpCheck::Used);
        assert_eq!(check(59, "287083", Some(2)), TotpCheck::Wrong);
    }

    #[test]
    fn a_seed_has_20_bytes_and_is_not_printed() {
        assert!(TotpSeed::from_bytes(&[0; 19]).is_none());
        assert!(TotpSeed::from_bytes(&[0; 21]).is_none());
        let seed = TotpSeed::from_bytes(RFC_SEED).unwrap();
        assert_eq!(seed.secret().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            format!("{seed:?} {:?}", SealedSeed::new(RFC_SEED.to_vec())),
            "TotpSeed(..) SealedSeed(20 bytes)"
        );
    }
}

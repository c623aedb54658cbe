//! Time-based codes of authenticator apps: SHA-1, 6 digits, 30 s, one step of slack each way, each
//! step once (cognito.md §4.3).

use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use totp_rs::{Algorithm, Builder, Totp};

use crate::entropy;
use crate::model::secret::Secret;
use crate::model::user::SoftwareToken;

const STEP_SECONDS: u64 = 30;

pub(crate) enum Verdict {
    /// The code of this step, which is now to be marked as used.
    Right(u64),
    Used,
    Wrong,
}

/// 256 bits, 52 characters of base32.
pub(crate) fn new_secret() -> Secret {
    Secret::new(BASE32_NOPAD.encode(&entropy::bytes::<32>()))
}

pub(crate) fn check(token: &SoftwareToken, code: &str, now: Timestamp) -> Verdict {
    let Some(totp) = generator(&token.secret) else {
        return Verdict::Wrong;
    };
    if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Verdict::Wrong;
    }
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    match totp.check(code, seconds) {
        Some(step) if token.used_steps.contains(&step) => Verdict::Used,
        Some(step) => Verdict::Right(step),
        None => Verdict::Wrong,
    }
}

/// Marks a step as used and forgets those no clock will accept again.
pub(crate) fn mark_used(token: &mut SoftwareToken, step: u64) {
    token.used_steps.retain(|used| used + 3 >= step);
    token.used_steps.push(step);
}

fn generator(secret: &Secret) -> Option<Totp> {
    let seed = BASE32_NOPAD.decode(secret.expose().as_bytes()).ok()?;
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(STEP_SECONDS)
        .with_secret(seed)
        .build()
        .ok()
}

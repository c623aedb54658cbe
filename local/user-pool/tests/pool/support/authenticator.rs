//! An authenticator app (RFC 6238), written for the tests alone.

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;

/// The code of the step `offset` steps from `seconds`.
pub(crate) fn totp(secret: &str, seconds: i64, offset: i64) -> String {
    let seed = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let counter = (seconds / 30 + offset).to_be_bytes();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &seed);
    let tag = hmac::sign(&key, &counter);
    let tag = tag.as_ref();
    let start = usize::from(tag[tag.len() - 1] & 0x0F);
    let number = u32::from_be_bytes(tag[start..start + 4].try_into().unwrap()) & 0x7FFF_FFFF;
    format!("{:06}", number % 1_000_000)
}

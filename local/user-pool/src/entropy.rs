//! Randomness of the pool: the single place that asks the system for it.

#[expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "the pool's one source; a system without randomness can't run a user pool"
)]
pub(crate) fn fill(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the system's random source answers");
}

pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut buffer = [0; N];
    fill(&mut buffer);
    buffer
}

pub(crate) fn uuid() -> String {
    uuid::Builder::from_random_bytes(bytes()).into_uuid().to_string()
}

/// `length` characters of `alphabet`, each equally likely: bytes past the last whole multiple of
/// the alphabet's size are thrown away.
pub(crate) fn text(alphabet: &[u8], length: usize) -> String {
    let size = alphabet.len().clamp(1, 256);
    let limit = 256 - 256 % size;
    let mut text = String::with_capacity(length);
    while text.len() < length {
        for byte in bytes::<32>() {
            let index = usize::from(byte);
            if index < limit
                && text.len() < length
                && let Some(character) = alphabet.get(index % size)
            {
                text.push(char::from(*character));
            }
        }
    }
    text
}

pub(crate) const DIGITS: &[u8] = b"0123456789";
pub(crate) const LOWERCASE_AND_DIGITS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
pub(crate) const LETTERS_AND_DIGITS: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

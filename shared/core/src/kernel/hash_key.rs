use aws_lc_rs::hmac;

/// A key for hashes. Without it, a reader of the table cannot guess the hashed value, such as a phone number
/// or a code. Each purpose has a key of its own (`MFA_HASH_KEY`, `MFA_CHALLENGE_KEY`, `MFA_RECOVERY_KEY`).
#[derive(Clone)]
pub struct HashKey(hmac::Key);

impl HashKey {
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Returns the HMAC-SHA-256 of `parts`, cut to 128 bits, in hexadecimal. `purpose` separates hashes of
    /// different things. The lengths are hashed too, so that bytes cannot move from one part to the next.
    pub fn hash(&self, purpose: &str, parts: &[&[u8]]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        data_encoding::HEXLOWER.encode(context.sign().as_ref().get(..16).unwrap_or_default())
    }
}

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_differ_by_key_purpose_and_where_parts_end() {
        let key = HashKey::new(&[7; 32]);
        let hash = key.hash("a", &[b"bc", b"d"]);
        assert_eq!(hash.len(), 32);
        assert_eq!(hash, HashKey::new(&[7; 32]).hash("a", &[b"bc", b"d"]));
        for other in [
            HashKey::new(&[8; 32]).hash("a", &[b"bc", b"d"]),
            key.hash("ab", &[b"c", b"d"]),
            key.hash("a", &[b"b", b"cd"]),
            key.hash("a", &[b"bcd"]),
        ] {
            assert_ne!(hash, other);
        }
    }
}

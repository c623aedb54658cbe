use zeroize::Zeroizing;

use crate::kernel::{Entropy, HashKey, PortError, UserId, symbols};

/// Crockford's alphabet: no I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 24 characters of 5 bits.
const BYTES: usize = 15;
const LENGTH: usize = 24;
const GROUP: usize = 4;

/// A code that lets a user in once without any other factor: 120 random bits, in base 32. It is normalised
/// once, on input: case, blanks and hyphens are ignored, and look-alikes become one character.
#[derive(Clone)]
pub struct RecoveryCode(Zeroizing<String>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a recovery code")]
pub struct InvalidRecoveryCode;

/// The stored hash of a recovery code: HMAC-SHA-256 of user and code, cut to 128 bits, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecoveryHash(String);

impl RecoveryCode {
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, PortError> {
        let mut bytes = Zeroizing::new([0_u8; BYTES]);
        entropy.fill(bytes.as_mut())?;
        let mut code = Zeroizing::new(String::with_capacity(LENGTH));
        for chunk in bytes.chunks(5) {
            let bits = chunk.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
            for shift in (0..8).rev() {
                let index = usize::try_from((bits >> (shift * 5)) & 31).unwrap_or_default();
                code.extend(ALPHABET.get(index).map(|symbol| char::from(*symbol)));
            }
        }
        Ok(Self(code))
    }

    /// Reads what a user typed or pasted.
    pub fn parse(typed: &str) -> Result<Self, InvalidRecoveryCode> {
        // Longer than a code with any grouping.
        if typed.len() > 256 {
            return Err(InvalidRecoveryCode);
        }
        let mut code = Zeroizing::new(String::with_capacity(LENGTH));
        for character in symbols(typed) {
            match character.to_ascii_uppercase() {
                'O' => code.push('0'),
                'I' | 'L' => code.push('1'),
                symbol if u8::try_from(symbol).is_ok_and(|symbol| ALPHABET.contains(&symbol)) => {
                    if code.len() == LENGTH {
                        return Err(InvalidRecoveryCode);
                    }
                    code.push(symbol);
                }
                _ => return Err(InvalidRecoveryCode),
            }
        }
        (code.len() == LENGTH).then_some(Self(code)).ok_or(InvalidRecoveryCode)
    }

    /// Returns the code in groups of four (`7K3M-…`), for the one response that shows it.
    pub fn readable(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH + LENGTH / GROUP));
        for (index, symbol) in self.0.chars().enumerate() {
            if index > 0 && index % GROUP == 0 {
                text.push('-');
            }
            text.push(symbol);
        }
        text
    }

    /// Returns the hash. It is bound to the user, so that equal codes of two users have different hashes.
    pub fn hash(&self, key: &HashKey, user: &UserId) -> RecoveryHash {
        RecoveryHash(key.hash("recovery-code", &[user.as_str().as_bytes(), self.0.as_bytes()]))
    }
}

impl std::fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

impl RecoveryHash {
    /// Wraps a hash from the table.
    pub fn from_stored(hash: impl Into<String>) -> Self {
        Self(hash.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// Returns consecutive bytes.
    #[derive(Debug)]
    struct Counting(std::sync::Mutex<u8>);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), PortError> {
            let mut next = self.0.lock().unwrap();
            for byte in bytes {
                *byte = *next;
                *next = next.wrapping_mul(31).wrapping_add(17);
            }
            Ok(())
        }
    }

    fn hash(code: &RecoveryCode) -> RecoveryHash {
        code.hash(&HashKey::new(&[7; 32]), &UserId::parse("alex").unwrap())
    }

    #[test]
    fn a_code_has_120_bits_in_six_groups_and_reads_back() {
        let entropy = Counting(std::sync::Mutex::new(1));
        let code = RecoveryCode::generate(&entropy).unwrap();
        let readable = code.readable();
        assert_eq!(readable.split('-').map(str::len).collect::<Vec<_>>(), [4; 6]);
        assert_eq!(hash(&RecoveryCode::parse(&readable).unwrap()), hash(&code));
    }

    #[test]
    fn every_bit_counts() {
        #[derive(Debug)]
        struct OneBit(usize);
        impl Entropy for OneBit {
            fn fill(&self, bytes: &mut [u8]) -> Result<(), PortError> {
                bytes[self.0 / 8] = 1 << (self.0 % 8);
                Ok(())
            }
        }
        let codes: BTreeSet<String> = (0..BYTES * 8)
            .map(|bit| RecoveryCode::generate(&OneBit(bit)).unwrap().readable().to_string())
            .collect();
        assert_eq!(codes.len(), 120);
    }

    #[rstest]
    #[case::as_shown("0123-4567-89AB-CDEF-GHJK-MNPQ")]
    #[case::small("0123-4567-89ab-cdef-ghjk-mnpq")]
    #[case::without_hyphens(" 0123456789ABCDEFGHJKMNPQ\n")]
    #[case::look_alikes("O l23 4567 89AB CDEF GHJK MNPQ")]
    #[case::capital_i("0I23-4567-89AB-CDEF-GHJK-MNPQ")]
    #[case::full_width("０１２３－４５６７－８９ＡＢ－ＣＤＥＦ－ＧＨＪＫ－ＭＮＰＱ")]
    fn every_spelling_is_the_same_code(#[case] typed: &str) {
        let expected = RecoveryCode::parse("0123456789ABCDEFGHJKMNPQ").unwrap();
        assert_eq!(hash(&RecoveryCode::parse(typed).unwrap()), hash(&expected));
    }

    #[rstest]
    #[case::empty("")]
    #[case::short("0123-4567-89AB-CDEF-GHJK-MNP")]
    #[case::long("0123-4567-89AB-CDEF-GHJK-MNPQ-R")]
    #[case::no_letter_of_it("U123-4567-89AB-CDEF-GHJK-MNPQ")]
    #[case::umlaut("Ä123-4567-89AB-CDEF-GHJK-MNPQ")]
    fn anything_else_is_refused(#[case] typed: &str) {
        assert!(RecoveryCode::parse(typed).is_err());
    }

    #[test]
    fn hashes_are_the_users_own() {
        let code = RecoveryCode::parse("0123456789ABCDEFGHJKMNPQ").unwrap();
        let of = |key: u8, user: &str| code.hash(&HashKey::new(&[key; 32]), &UserId::parse(user).unwrap());
        assert_eq!(of(7, "alex"), of(7, "alex"));
        assert_ne!(of(7, "alex"), of(7, "sam"));
        assert_ne!(of(7, "alex"), of(8, "alex"));
        assert_eq!(of(7, "alex").as_str().len(), 32);
    }

    proptest! {
        #[test]
        fn whatever_is_typed_nothing_is_printed(typed in ".{0,60}") {
            if let Ok(code) = RecoveryCode::parse(&typed) {
                prop_assert_eq!(format!("{code:?}"), "RecoveryCode(..)");
            }
        }
    }
}

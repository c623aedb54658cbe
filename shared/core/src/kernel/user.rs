use sha2::{Digest, Sha256};

/// A user's `sub`. Keys and audit lines name a user by it, never by an address.
///
/// It is a UUID today, but Cognito does not promise the format (cognito.md §8.3). We therefore accept any
/// short, printable text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserId(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a user id")]
pub struct InvalidUser;

impl UserId {
    pub fn parse(sub: &str) -> Result<Self, InvalidUser> {
        let fits = (1..=128).contains(&sub.len()) && sub.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(sub.to_owned())).ok_or(InvalidUser)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the pseudonym for logs. It is stable, and only the pool can relate it to the account.
    pub fn pseudonym(&self) -> String {
        let digest = Sha256::digest(self.0.as_bytes());
        data_encoding::HEXLOWER.encode(digest.get(..6).unwrap_or_default())
    }
}

impl std::fmt::Debug for UserId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UserId({})", self.pseudonym())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_short_printable_text_is_a_user_id() {
        assert!(UserId::parse("a1b2c3d4-5678-40ab-9cde-f0123456789a").is_ok());
        assert!(UserId::parse("sub_0f").is_ok());
        assert!(UserId::parse("").is_err());
        assert!(UserId::parse("a b").is_err());
        assert!(UserId::parse("a\n").is_err());
        assert!(UserId::parse(&"x".repeat(129)).is_err());
    }

    #[test]
    fn prints_a_pseudonym() {
        let user = UserId::parse("a1b2c3d4-5678-40ab-9cde-f0123456789a").unwrap();
        let printed = format!("{user:?}");
        assert!(!printed.contains("a1b2c3d4"), "{printed}");
        assert_eq!(user.pseudonym().len(), 12);
    }
}

use zeroize::Zeroizing;

/// A user's own Cognito access token, as received. It authorizes every call to Cognito, so it is never
/// printed.
#[derive(Clone)]
pub struct AccessToken(Zeroizing<String>);

impl AccessToken {
    /// Reads the token from an `Authorization` header, with or without `Bearer` (cognito.md §8.1).
    pub fn from_authorization(header: &str) -> Option<Self> {
        let token = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            Some(_) => return None,
            None => header.trim(),
        };
        (!token.is_empty()).then(|| Self(Zeroizing::new(token.to_owned())))
    }

    /// Returns the token, for the adapter that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_token_with_or_without_scheme_and_no_other_scheme() {
        let token = |header| AccessToken::from_authorization(header).map(|token| token.expose().to_owned());
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer  abc").as_deref(), Some("abc"));
        assert_eq!(token("abc").as_deref(), Some("abc"));
        assert_eq!(token("Basic abc"), None);
        assert_eq!(token("Bearer "), None);
        assert_eq!(token(""), None);
    }

    #[test]
    fn never_prints_itself() {
        let token = AccessToken::from_authorization("Bearer canary").unwrap();
        assert!(!format!("{token:?}").contains("canary"));
    }
}

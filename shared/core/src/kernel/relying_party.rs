use webauthn_rp::request::{AsciiDomain, RpId};

/// The domain that passkeys belong to, and the origins that may use them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelyingParty {
    pub(crate) id: RpId,
    /// Each is compared byte by byte.
    pub(crate) origins: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRelyingParty {
    #[error("{0:?} is not a domain in lower-case ASCII")]
    Id(String),
    #[error(
        "{0:?} is not like \"https://login.example.com\", with the relying party ID as its domain or a domain below it"
    )]
    Origin(String),
    #[error("an origin is missing")]
    NoOrigin,
}

impl RelyingParty {
    /// Reads a domain and the origins that belong to it. An origin has HTTPS, or HTTP on `localhost`.
    pub fn new(id: &str, origins: &[String]) -> Result<Self, InvalidRelyingParty> {
        let invalid = || InvalidRelyingParty::Id(id.to_owned());
        let is_label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        };
        let is_number =
            id.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        let has_dot = id.contains('.') || id == "localhost";
        if !has_dot || is_number || !id.split('.').all(is_label) {
            return Err(invalid());
        }
        let domain = AsciiDomain::try_from(id.to_owned()).map_err(|_| invalid())?;
        if origins.is_empty() {
            return Err(InvalidRelyingParty::NoOrigin);
        }
        if let Some(wrong) = origins.iter().find(|origin| !belongs(origin, id)) {
            return Err(InvalidRelyingParty::Origin(wrong.clone()));
        }
        Ok(Self { id: RpId::Domain(domain), origins: origins.to_vec() })
    }
}

fn belongs(origin: &str, id: &str) -> bool {
    let Ok(url) = origin.parse::<http::Uri>() else { return false };
    let (Some(scheme), Some(host)) = (url.scheme_str(), url.host()) else { return false };
    let is_local = host == "localhost" || host.ends_with(".localhost");
    let port = url.port_u16();
    let default = if scheme == "https" { 443 } else { 80 };
    let written =
        port.map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}"));
    let is_below = host.strip_suffix(id).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    // A browser sends an origin without a path, a user and the default port, in lower case.
    is_below
        && (scheme == "https" || scheme == "http" && is_local)
        && written == origin
        && port != Some(default)
        && !host.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("example.com", "https://example.com", true)]
    #[case("example.com", "https://login.example.com", true)]
    #[case("example.com", "https://login.example.com:8443", true)]
    #[case("localhost", "http://localhost:5173", true)]
    #[case("example.com", "http://example.com", false)]
    #[case("example.com", "https://badexample.com", false)]
    #[case("example.com", "https://example.com.evil.net", false)]
    #[case("example.com", "https://example.com/", false)]
    #[case("example.com", "https://example.com:443", false)]
    #[case("example.com", "https://a@example.com", false)]
    #[case("example.com", "https://Login.example.com", false)]
    #[case("login.example.com", "https://example.com", false)]
    #[case("com", "https://example.com", false)]
    #[case("127.0.0.1", "http://127.0.0.1", false)]
    #[case("Example.com", "https://Example.com", false)]
    #[case("-a.com", "https://-a.com", false)]
    fn an_origin_belongs_to_its_domain(#[case] id: &str, #[case] origin: &str, #[case] expected: bool) {
        assert_eq!(RelyingParty::new(id, &[origin.to_owned()]).is_ok(), expected);
    }

    #[test]
    fn a_relying_party_has_an_origin() {
        assert_eq!(RelyingParty::new("example.com", &[]), Err(InvalidRelyingParty::NoOrigin));
    }
}

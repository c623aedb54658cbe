//! The relying party that a pool names, and the origins that belong to it.

use url::{Host, Url};
use webauthn_rp::request::{AsciiDomain, RpId, UserVerificationRequirement};
use webauthn_rp::response::Origin;

use crate::model::policies::AuthFactor;
use crate::model::pool::{Pool, UserVerification, WebAuthnConfiguration};
use crate::protocol::error::{ApiError, ErrorCode};

pub(crate) struct RelyingParty {
    pub(super) id: RpId,
    pub(super) domain: String,
    user_verification: UserVerification,
}

impl RelyingParty {
    /// Returns the pool's, if passkeys are a first factor there.
    pub(crate) fn of(pool: &Pool) -> Result<Self, ApiError> {
        if !pool.first_factors().contains(&AuthFactor::WebAuthn) {
            return Err(ApiError::new(
                ErrorCode::WebAuthnNotEnabled,
                "WebAuthn is not enabled for this user pool.",
            ));
        }
        let missing = || {
            ApiError::new(
                ErrorCode::WebAuthnConfigurationMissing,
                "The user pool has no relying party ID and no domain.",
            )
        };
        let configuration = pool.mfa.web_authn.as_ref().ok_or_else(missing)?;
        let domain = configuration.relying_party_id.clone().ok_or_else(missing)?;
        Ok(Self { id: id(&domain)?, domain, user_verification: configuration.user_verification })
    }

    /// Returns the requirement of user verification. With `is_mfa`, the pool's setting does not matter.
    pub(super) fn user_verification(&self, is_mfa: bool) -> UserVerificationRequirement {
        if is_mfa || self.user_verification == UserVerification::Required {
            UserVerificationRequirement::Required
        } else {
            UserVerificationRequirement::Preferred
        }
    }
}

/// Checks the relying party of a configuration.
pub(crate) fn check(configuration: &WebAuthnConfiguration) -> Result<(), ApiError> {
    configuration.relying_party_id.as_deref().map_or(Ok(()), |domain| id(domain).map(|_| ()))
}

fn id(domain: &str) -> Result<RpId, ApiError> {
    let invalid = || ApiError::invalid_parameter("Invalid relying party ID.");
    if !matches!(Host::parse(domain), Ok(Host::Domain(parsed)) if parsed == domain) {
        return Err(invalid());
    }
    Ok(RpId::Domain(AsciiDomain::try_from(domain.to_owned()).map_err(|_| invalid())?))
}

/// The origins of a relying party: its domain and those below it by HTTPS; `localhost` by HTTP too.
pub(super) struct Origins<'a>(pub(super) &'a str);

impl PartialEq<Origin<'_>> for Origins<'_> {
    fn eq(&self, origin: &Origin<'_>) -> bool {
        let Ok(url) = Url::parse(&origin.0) else { return false };
        // An origin has nothing after the port.
        if url.origin().ascii_serialization() != origin.0 {
            return false;
        }
        let Some(Host::Domain(host)) = url.host() else { return false };
        let is_below = host.strip_suffix(self.0).is_some_and(|rest| rest.ends_with('.'));
        let is_local = host == "localhost" || host.ends_with(".localhost");
        (host == self.0 || is_below) && (url.scheme() == "https" || is_local && url.scheme() == "http")
    }
}

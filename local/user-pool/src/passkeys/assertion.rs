//! Sign-in: the challenge `WEB_AUTHN` and the answer to it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use webauthn_rp::AuthenticatedCredential;
use webauthn_rp::bin::{Decode as _, Encode as _};
use webauthn_rp::request::Credentials as _;
use webauthn_rp::request::auth::{
    AllowedCredentials, AuthenticationVerificationOptions, NonDiscoverableAuthenticationServerState,
    NonDiscoverableCredentialRequestOptions,
};
use webauthn_rp::response::CredentialId;
use webauthn_rp::response::auth::NonDiscoverableAuthentication;
use webauthn_rp::response::register::{DynamicState, StaticState};

use super::registration::descriptor;
use super::relying_party::{Origins, RelyingParty};
use super::{HANDLE_LENGTH, handle};
use crate::model::pool::Pool;
use crate::model::user::User;
use crate::protocol::error::ApiError;

/// A challenge that is open.
pub(crate) struct Assertion {
    /// `CREDENTIAL_REQUEST_OPTIONS`.
    pub(crate) options: Value,
    /// The state that checks the answer.
    pub(crate) state: Vec<u8>,
}

impl Assertion {
    /// Asks for one of the user's passkeys.
    pub(crate) fn begin(pool: &Pool, user: &User) -> Result<Self, ApiError> {
        let relying_party = RelyingParty::of(pool)?;
        let mut allowed = AllowedCredentials::new();
        for passkey in user.passkeys_of(pool) {
            allowed.push(descriptor(passkey)?.into());
        }
        let mut request = NonDiscoverableCredentialRequestOptions::second_factor(&relying_party.id, allowed)
            .map_err(ApiError::internal)?;
        request.options().user_verification = relying_party.user_verification(user.passkey_is_mfa(pool));
        let (state, client) = request.start_ceremony().map_err(ApiError::internal)?;
        Ok(Self {
            options: serde_json::to_value(&client).map_err(ApiError::internal)?,
            state: state.encode().map_err(ApiError::internal)?,
        })
    }
}

/// Checks the answer (`CREDENTIAL`) of a browser and stores the passkey's new counter. Every refusal
/// looks the same.
pub(crate) fn check_assertion(
    pool: &Pool,
    user: &mut User,
    state: &[u8],
    credential: &str,
) -> Result<(), ApiError> {
    let relying_party = RelyingParty::of(pool)?;
    let refused = |fault: &dyn std::fmt::Display| {
        tracing::debug!(%fault, "a passkey is refused");
        ApiError::wrong_credentials()
    };
    let state = NonDiscoverableAuthenticationServerState::decode(state).map_err(ApiError::internal)?;
    let answer = NonDiscoverableAuthentication::<HANDLE_LENGTH>::from_json_relaxed(credential.as_bytes())
        .map_err(|fault| refused(&fault))?;
    let handle = handle(user)?;
    let given = answer.raw_id();
    let id = URL_SAFE_NO_PAD.encode(given);
    let known = user.passkeys.iter_mut().find(|passkey| passkey.id == id);
    let passkey = known.ok_or_else(|| refused(&"it is not one of the user's"))?;
    let fixed = STANDARD.decode(&passkey.fixed).map_err(ApiError::internal)?;
    let id = CredentialId::<&[u8]>::decode(given.into_inner()).map_err(ApiError::internal)?;
    let fixed = StaticState::decode(&fixed).map_err(ApiError::internal)?;
    let dynamic = DynamicState::decode(passkey.state).map_err(ApiError::internal)?;
    let mut held = AuthenticatedCredential::new(id, &handle, fixed, dynamic).map_err(ApiError::internal)?;
    let options = AuthenticationVerificationOptions::<'_, '_, _, Origins<'_>> {
        allowed_origins: &[Origins(&relying_party.domain)],
        error_on_unsolicited_extensions: false,
        update_uv: true,
        ..AuthenticationVerificationOptions::default()
    };
    state.verify(&relying_party.id, &answer, &mut held, &options).map_err(|fault| refused(&fault))?;
    let Ok(dynamic) = held.dynamic_state().encode();
    passkey.state = dynamic;
    Ok(())
}

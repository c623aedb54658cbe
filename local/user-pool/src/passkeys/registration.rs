//! Registration: `StartWebAuthnRegistration` and `CompleteWebAuthnRegistration`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use webauthn_rp::bin::{Decode as _, Encode as _};
use webauthn_rp::request::PublicKeyCredentialDescriptor;
use webauthn_rp::request::register::{
    AuthenticatorSelectionCriteria, CoseAlgorithmIdentifier, CoseAlgorithmIdentifiers, CredProtect,
    PublicKeyCredentialCreationOptions, PublicKeyCredentialUserEntity, RegistrationServerState,
    RegistrationVerificationOptions, ResidentKeyRequirement, Username,
};
use webauthn_rp::response::register::Registration;
use webauthn_rp::response::register::error::RegCeremonyErr;
use webauthn_rp::response::{AuthTransports, AuthenticatorAttachment, AuthenticatorTransport, CredentialId};

use super::relying_party::{Origins, RelyingParty};
use super::{HANDLE_LENGTH, handle};
use crate::model::passkey::Passkey;
use crate::model::user::User;
use crate::protocol::error::{ApiError, ErrorCode};

/// A challenge's life. Cognito's is unknown; this is the time-out that the options give the browser.
const VALIDITY: SignedDuration = SignedDuration::from_mins(5);

/// Registrations that wait for the browser's answer, by challenge. They live in memory.
#[derive(Default)]
pub(crate) struct Registrations(Mutex<HashMap<u128, Pending>>);

struct Pending {
    pool: String,
    sub: String,
    client: String,
    expires: Timestamp,
    state: RegistrationServerState<HANDLE_LENGTH>,
}

/// The user who registers a passkey, with pool and client.
pub(crate) struct Registrant<'a> {
    pub(crate) pool: &'a str,
    pub(crate) client: &'a str,
    pub(crate) user: &'a User,
}

impl Registrations {
    /// Returns `CredentialCreationOptions`.
    pub(crate) fn start(
        &self,
        relying_party: &RelyingParty,
        registrant: &Registrant<'_>,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let user = registrant.user;
        let id = handle(user)?;
        // The library accepts fewer user names than Cognito. The real one replaces this in the options.
        let name = Username::try_from("user").map_err(ApiError::internal)?;
        let entity = PublicKeyCredentialUserEntity { name, id: &id, display_name: None };
        let known = user.passkeys.iter().filter_map(|passkey| descriptor(passkey).ok()).collect();
        let mut options = PublicKeyCredentialCreationOptions::passkey(&relying_party.id, entity, known);
        options.pub_key_cred_params = CoseAlgorithmIdentifiers::ALL
            .remove(CoseAlgorithmIdentifier::Eddsa)
            .remove(CoseAlgorithmIdentifier::Es384);
        options.authenticator_selection = AuthenticatorSelectionCriteria {
            resident_key: ResidentKeyRequirement::Required,
            user_verification: relying_party.user_verification(false),
            ..AuthenticatorSelectionCriteria::passkey()
        };
        options.extensions.cred_protect = CredProtect::None;
        let challenge = options.challenge.as_data();
        let (state, client) = options.start_ceremony().map_err(ApiError::internal)?;
        let mut options = serde_json::to_value(&client).map_err(ApiError::internal)?;
        if let Some(entity) = options.get_mut("user") {
            entity["name"] = user.username.clone().into();
            entity["displayName"] = user.username.clone().into();
        }
        let pending = Pending {
            pool: registrant.pool.to_owned(),
            sub: user.sub.clone(),
            client: registrant.client.to_owned(),
            expires: now.saturating_add(VALIDITY).unwrap_or(Timestamp::MAX),
            state,
        };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, pending| pending.expires > now);
        held.insert(challenge, pending);
        Ok(options)
    }

    /// Returns the passkey that a browser's answer proves. The challenge is used, right or wrong.
    pub(crate) fn complete(
        &self,
        relying_party: &RelyingParty,
        registrant: &Registrant<'_>,
        credential: &Value,
        now: Timestamp,
    ) -> Result<Passkey, ApiError> {
        let text = serde_json::to_vec(credential).map_err(ApiError::internal)?;
        let registration = Registration::from_json_relaxed(&text).map_err(|_| invalid_credential())?;
        let challenge = registration.challenge_relaxed().map_err(|_| invalid_credential())?;
        let state = self.take(challenge.0, registrant, now)?;
        let options = RegistrationVerificationOptions::<'_, '_, _, Origins<'_>> {
            allowed_origins: &[Origins(&relying_party.domain)],
            error_on_unsolicited_extensions: false,
            ..RegistrationVerificationOptions::default()
        };
        let registered =
            state.verify(&relying_party.id, &registration, &options).map_err(|fault| refusal(&fault))?;
        let Ok(fixed) = registered.static_state().encode();
        let Ok(dynamic) = registered.dynamic_state().encode();
        let Ok(transport_bits) = registered.transports().encode();
        Ok(Passkey {
            id: URL_SAFE_NO_PAD.encode(registered.id()),
            name: "Passkey".to_owned(),
            relying_party: relying_party.domain.clone(),
            attachment: match registration.authenticator_attachment() {
                AuthenticatorAttachment::None => None,
                AuthenticatorAttachment::Platform => Some("platform".to_owned()),
                AuthenticatorAttachment::CrossPlatform => Some("cross-platform".to_owned()),
            },
            transports: names(registered.transports()),
            created: now,
            fixed: STANDARD.encode(fixed),
            state: dynamic,
            transport_bits,
        })
    }

    /// Another user's token neither uses nor ends a challenge.
    fn take(
        &self,
        challenge: u128,
        registrant: &Registrant<'_>,
        now: Timestamp,
    ) -> Result<RegistrationServerState<HANDLE_LENGTH>, ApiError> {
        let unknown =
            || ApiError::new(ErrorCode::WebAuthnChallengeNotFound, "Challenge not found or expired.");
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pending = held.get(&challenge).ok_or_else(unknown)?;
        if pending.pool != registrant.pool || pending.sub != registrant.user.sub || pending.expires <= now {
            return Err(unknown());
        }
        if pending.client != registrant.client {
            return Err(ApiError::new(
                ErrorCode::WebAuthnClientMismatch,
                "The registration was started by another app client.",
            ));
        }
        held.remove(&challenge).map(|pending| pending.state).ok_or_else(unknown)
    }
}

pub(super) fn descriptor(passkey: &Passkey) -> Result<PublicKeyCredentialDescriptor<Vec<u8>>, ApiError> {
    let id = URL_SAFE_NO_PAD.decode(&passkey.id).map_err(ApiError::internal)?;
    Ok(PublicKeyCredentialDescriptor {
        id: CredentialId::<Vec<u8>>::decode(id).map_err(ApiError::internal)?,
        transports: AuthTransports::decode(passkey.transport_bits).map_err(ApiError::internal)?,
    })
}

fn names(transports: AuthTransports) -> Vec<String> {
    let all = [
        (AuthenticatorTransport::Ble, "ble"),
        (AuthenticatorTransport::Hybrid, "hybrid"),
        (AuthenticatorTransport::Internal, "internal"),
        (AuthenticatorTransport::Nfc, "nfc"),
        (AuthenticatorTransport::SmartCard, "smart-card"),
        (AuthenticatorTransport::Usb, "usb"),
    ];
    all.into_iter()
        .filter(|(transport, _)| transports.contains(*transport))
        .map(|(_, name)| name.to_owned())
        .collect()
}

fn invalid_credential() -> ApiError {
    ApiError::invalid_parameter("Credential data is not valid")
}

/// The model's exception for what `webauthn_rp` found.
fn refusal(fault: &RegCeremonyErr) -> ApiError {
    tracing::debug!(%fault, "a passkey is refused");
    match fault {
        RegCeremonyErr::OriginMismatch | RegCeremonyErr::CrossOrigin | RegCeremonyErr::TopOriginMismatch => {
            ApiError::new(
                ErrorCode::WebAuthnOriginNotAllowed,
                "The origin is not allowed for the relying party ID.",
            )
        }
        RegCeremonyErr::RpIdHashMismatch => ApiError::new(
            ErrorCode::WebAuthnRelyingPartyMismatch,
            "The credential belongs to another relying party ID.",
        ),
        RegCeremonyErr::UserNotVerified
        | RegCeremonyErr::PublicKeyAlgorithmMismatch
        | RegCeremonyErr::Credential(_) => {
            ApiError::new(ErrorCode::WebAuthnCredentialNotSupported, "The passkey is not supported.")
        }
        _ => invalid_credential(),
    }
}

use serde_json::Value;
use webauthn_rp::{
    bin::{Decode as _, Encode as _},
    request::{
        PublicKeyCredentialDescriptor, UserVerificationRequirement,
        register::{
            AuthenticatorSelectionCriteria, CoseAlgorithmIdentifier, CoseAlgorithmIdentifiers, CredProtect,
            PublicKeyCredentialCreationOptions, PublicKeyCredentialUserEntity, RegistrationServerState,
            RegistrationVerificationOptions, ResidentKeyRequirement, Username,
        },
    },
    response::{AuthTransports, CredentialId, register::Registration},
};

use super::{HANDLE_LENGTH, PasskeyCredential, PasskeyRefused, handle, state_bytes};
use crate::kernel::{PortError, RelyingParty, UserId};

/// A registration that waits for the browser's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationCeremony {
    /// `PublicKeyCredentialCreationOptions` as JSON.
    pub options: Value,
    /// The state that checks the answer, once.
    pub state: Vec<u8>,
}

impl RegistrationCeremony {
    /// Begins a registration. `account` is the name that the browser shows; `known` are the user's passkeys.
    pub fn begin<'a>(
        relying_party: &RelyingParty,
        user: &UserId,
        account: &str,
        known: impl IntoIterator<Item = &'a PasskeyCredential>,
    ) -> Result<Self, PortError> {
        let handle = handle(user);
        // The library accepts fewer names than Cognito. The real one replaces this in the options.
        let name = Username::try_from("user").map_err(broken)?;
        let entity = PublicKeyCredentialUserEntity { name, id: &handle, display_name: None };
        let known = known.into_iter().map(descriptor).collect::<Result<_, _>>()?;
        let mut options = PublicKeyCredentialCreationOptions::passkey(&relying_party.id, entity, known);
        options.pub_key_cred_params = CoseAlgorithmIdentifiers::ALL
            .remove(CoseAlgorithmIdentifier::Eddsa)
            .remove(CoseAlgorithmIdentifier::Es384);
        options.authenticator_selection = AuthenticatorSelectionCriteria {
            resident_key: ResidentKeyRequirement::Required,
            user_verification: UserVerificationRequirement::Required,
            ..AuthenticatorSelectionCriteria::passkey()
        };
        options.extensions.cred_protect = CredProtect::None;
        let (state, client) = options.start_ceremony().map_err(broken)?;
        let mut options = serde_json::to_value(&client).map_err(broken)?;
        if let Some(entity) = options.get_mut("user").and_then(Value::as_object_mut) {
            entity.insert("name".to_owned(), account.into());
            entity.insert("displayName".to_owned(), account.into());
        }
        Ok(Self { options, state: state.encode().map_err(broken)? })
    }

    /// Returns the credential that a browser's answer proves. The caller must not use `state` again.
    pub fn finish(
        relying_party: &RelyingParty,
        user: &UserId,
        state: &[u8],
        answer: &[u8],
    ) -> Result<PasskeyCredential, PasskeyRefused> {
        let refused = |fault: &dyn std::fmt::Display| PasskeyRefused::because(fault);
        let answer = Registration::from_json_relaxed(answer).map_err(|fault| refused(&fault))?;
        let state =
            RegistrationServerState::<HANDLE_LENGTH>::decode(state).map_err(|fault| refused(&fault))?;
        let options = RegistrationVerificationOptions::<'_, '_, _, String> {
            allowed_origins: &relying_party.origins,
            error_on_unsolicited_extensions: false,
            ..RegistrationVerificationOptions::default()
        };
        let registered =
            state.verify(&relying_party.id, &answer, &options).map_err(|fault| refused(&fault))?;
        if *registered.user_id() != handle(user) {
            return Err(refused(&"the registration was begun for another user"));
        }
        let Ok(fixed) = registered.static_state().encode();
        let Ok(transports) = registered.transports().encode();
        Ok(PasskeyCredential {
            id: registered.id().as_ref().to_vec(),
            fixed,
            state: state_bytes(registered.dynamic_state()),
            transports,
        })
    }
}

pub(super) fn descriptor(
    credential: &PasskeyCredential,
) -> Result<PublicKeyCredentialDescriptor<Vec<u8>>, PortError> {
    Ok(PublicKeyCredentialDescriptor {
        id: CredentialId::<Vec<u8>>::decode(credential.id.clone()).map_err(broken)?,
        transports: AuthTransports::decode(credential.transports).map_err(broken)?,
    })
}

pub(super) fn broken(fault: impl std::fmt::Display) -> PortError {
    PortError::new("passkey", fault.to_string())
}

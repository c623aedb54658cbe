use serde_json::Value;
use webauthn_rp::{
    AuthenticatedCredential,
    bin::{Decode as _, Encode as _},
    request::{
        Credentials as _, UserVerificationRequirement,
        auth::{
            AllowedCredentials, AuthenticationVerificationOptions, DiscoverableAuthenticationServerState,
            DiscoverableCredentialRequestOptions, NonDiscoverableAuthenticationServerState,
            NonDiscoverableCredentialRequestOptions,
        },
    },
    response::{
        CredentialId,
        auth::{DiscoverableAuthentication, NonDiscoverableAuthentication},
        register::{CompressedPubKey, DynamicState, StaticState},
    },
};

use super::{
    HANDLE_LENGTH, PasskeyCredential, PasskeyRefused, handle,
    registration::{broken, descriptor},
    state_bytes,
};
use crate::kernel::{PortError, RelyingParty, UserId};

type Key = CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>;

/// The first byte of a stored state: whether the challenge named the user's passkeys.
const BY_NAME: u8 = 0;
const IDENTIFIED: u8 = 1;

/// A sign-in that waits for the browser's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionCeremony {
    /// `PublicKeyCredentialRequestOptions` as JSON.
    pub options: Value,
    /// The state that checks the answer, once.
    pub state: Vec<u8>,
}

/// A right answer: which passkey, and its state from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertedPasskey {
    /// The credential's id.
    pub id: Vec<u8>,
    /// The new value of [`PasskeyCredential::state`].
    pub state: [u8; 7],
}

impl AssertionCeremony {
    /// Asks for a passkey while only a name is known. The options name no passkey, so they are alike for every
    /// name, known or not.
    pub fn begin_by_name(relying_party: &RelyingParty) -> Result<Self, PortError> {
        let request = DiscoverableCredentialRequestOptions::passkey(&relying_party.id);
        let (state, client) = request.start_ceremony().map_err(broken)?;
        let options = serde_json::to_value(&client).map_err(broken)?;
        let mut bytes = vec![BY_NAME];
        bytes.extend(state.encode().map_err(broken)?);
        Ok(Self { options, state: bytes })
    }

    /// Asks for one of the user's passkeys, of which there must be one.
    pub fn begin<'a>(
        relying_party: &RelyingParty,
        passkeys: impl IntoIterator<Item = &'a PasskeyCredential>,
    ) -> Result<Self, PortError> {
        let mut allowed = AllowedCredentials::new();
        for passkey in passkeys {
            allowed.push(descriptor(passkey)?.into());
        }
        let mut request = NonDiscoverableCredentialRequestOptions::second_factor(&relying_party.id, allowed)
            .map_err(broken)?;
        request.options().user_verification = UserVerificationRequirement::Required;
        let (state, client) = request.start_ceremony().map_err(broken)?;
        let options = serde_json::to_value(&client).map_err(broken)?;
        let mut bytes = vec![IDENTIFIED];
        bytes.extend(state.encode().map_err(broken)?);
        Ok(Self { options, state: bytes })
    }

    /// Checks the answer of a browser against the user's passkeys. The caller must not use `state` again, and
    /// must store the passkey's new state in the same write that accepts the answer.
    pub fn finish<'a>(
        relying_party: &RelyingParty,
        user: &UserId,
        passkeys: impl IntoIterator<Item = &'a PasskeyCredential>,
        state: &[u8],
        answer: &[u8],
    ) -> Result<AssertedPasskey, PasskeyRefused> {
        let refused = |fault: &dyn std::fmt::Display| PasskeyRefused::because(fault);
        let options = AuthenticationVerificationOptions::<'_, '_, _, String> {
            allowed_origins: &relying_party.origins,
            error_on_unsolicited_extensions: false,
            update_uv: true,
            ..AuthenticationVerificationOptions::default()
        };
        let handle = handle(user);
        let mut passkeys = passkeys.into_iter();
        let mut find = |id: &[u8]| {
            let found = passkeys.find(|passkey| passkey.id == id);
            found.ok_or_else(|| refused(&"it is not one of the user's"))
        };
        match state.split_first() {
            Some((&BY_NAME, state)) => {
                let answer = DiscoverableAuthentication::<HANDLE_LENGTH>::from_json_relaxed(answer)
                    .map_err(|fault| refused(&fault))?;
                let mut held = held(find(answer.raw_id().as_ref())?, &handle)?;
                let state =
                    DiscoverableAuthenticationServerState::decode(state).map_err(|fault| refused(&fault))?;
                state
                    .verify(&relying_party.id, &answer, &mut held, &options)
                    .map_err(|fault| refused(&fault))?;
                Ok(asserted(&held))
            }
            Some((&IDENTIFIED, state)) => {
                let answer = NonDiscoverableAuthentication::<HANDLE_LENGTH>::from_json_relaxed(answer)
                    .map_err(|fault| refused(&fault))?;
                let mut held = held(find(answer.raw_id().as_ref())?, &handle)?;
                let state = NonDiscoverableAuthenticationServerState::decode(state)
                    .map_err(|fault| refused(&fault))?;
                state
                    .verify(&relying_party.id, &answer, &mut held, &options)
                    .map_err(|fault| refused(&fault))?;
                Ok(asserted(&held))
            }
            _ => Err(refused(&"the first byte of the state is unknown")),
        }
    }
}

type Held<'a, 'user> = AuthenticatedCredential<'a, 'user, HANDLE_LENGTH, Key>;

fn held<'a, 'user>(
    passkey: &'a PasskeyCredential,
    handle: &'user super::Handle,
) -> Result<Held<'a, 'user>, PasskeyRefused> {
    let refused = |fault: &dyn std::fmt::Display| PasskeyRefused::because(fault);
    let id = CredentialId::<&[u8]>::decode(&passkey.id).map_err(|fault| refused(&fault))?;
    let fixed = StaticState::<Key>::decode(passkey.fixed.as_slice()).map_err(|fault| refused(&fault))?;
    let dynamic = DynamicState::decode(passkey.state).map_err(|fault| refused(&fault))?;
    AuthenticatedCredential::new(id, handle, fixed, dynamic).map_err(|fault| refused(&fault))
}

fn asserted(held: &Held<'_, '_>) -> AssertedPasskey {
    AssertedPasskey { id: held.id().as_ref().to_vec(), state: state_bytes(held.dynamic_state()) }
}

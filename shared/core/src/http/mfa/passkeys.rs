//! Passkeys: a factor of custom challenges.

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, NameBody, Named, name, time};
use crate::{
    factors::{
        SignedIn,
        custom::{CustomFactorService, CustomFactors},
    },
    http::{Problem, body::Body, changes::Repeatable},
};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[cfg_attr(test, schema(as = Passkey))]
#[serde(rename_all = "camelCase")]
pub(super) struct PasskeyView {
    id: String,
    name: String,
    #[cfg_attr(test, schema(format = DateTime))]
    created_at: String,
}

impl PasskeyView {
    /// Oldest first.
    pub(super) fn all(factors: &CustomFactors) -> Vec<Self> {
        let mut sorted: Vec<_> = factors.passkeys.iter().collect();
        sorted.sort_by_key(|(_, passkey)| passkey.created_at);
        sorted
            .into_iter()
            .map(|(id, passkey)| Self {
                id: id.as_str().to_owned(),
                name: passkey.name.as_str().to_owned(),
                created_at: time(passkey.created_at),
            })
            .collect()
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct Passkeys {
    passkeys: Vec<PasskeyView>,
}

/// Returns the user's passkeys, oldest first.
#[cfg_attr(test, utoipa::path(
    get, path = "/mfa/passkeys", operation_id = "listPasskeys",
    responses((status = 200, description = "At most ten passkeys", body = Passkeys))
))]
pub(super) async fn list(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
) -> Answer<Passkeys> {
    let factors = custom.factors(&caller).await?;
    Ok(Json(Passkeys { passkeys: PasskeyView::all(&factors) }))
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct NewPasskey {
    /// `PublicKeyCredentialCreationOptionsJSON` of `WebAuthn` Level 3.
    #[cfg_attr(test, schema(value_type = Object))]
    public_key: Value,
}

/// Starts the registration of a passkey. Pass `publicKey` to the browser and send its answer within 5 minutes.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/passkeys", operation_id = "startPasskey",
    request_body = NameBody,
    responses((status = 201, description = "The options for the browser", body = NewPasskey))
))]
pub(super) async fn start(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
    Body(NameBody { name: text }): Body<NameBody>,
) -> Result<(StatusCode, Json<NewPasskey>), Problem> {
    let public_key = custom.start_passkey(&caller, name(&text)?).await?;
    Ok((StatusCode::CREATED, Json(NewPasskey { public_key })))
}

/// The browser's answer: `RegistrationResponseJSON` of `WebAuthn` Level 3.
#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct CredentialBody {
    #[cfg_attr(test, schema(value_type = Object))]
    credential: Value,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct AddedPasskey {
    id: String,
}

/// Adds the passkey that the browser made. From then on it can sign in.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/passkeys/verify", operation_id = "verifyPasskey",
    request_body = CredentialBody,
    responses((status = 201, description = "The passkey is added", body = AddedPasskey))
))]
pub(super) async fn verify(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
    Body(CredentialBody { credential }): Body<CredentialBody>,
) -> Result<(StatusCode, Extension<Repeatable>, Json<AddedPasskey>), Problem> {
    let id = custom.confirm_passkey(&caller, credential.to_string().as_bytes()).await?;
    Ok((StatusCode::CREATED, Extension(Repeatable), Json(AddedPasskey { id: id.as_str().to_owned() })))
}

/// Renames a passkey.
#[cfg_attr(test, utoipa::path(
    patch, path = "/mfa/passkeys/{id}", operation_id = "renamePasskey",
    params(super::openapi::IdPath), request_body = NameBody,
    responses((status = 204, description = "The passkey was renamed"))
))]
pub(super) async fn rename(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
    Named(id): Named,
    Body(NameBody { name: text }): Body<NameBody>,
) -> Result<StatusCode, Problem> {
    custom.rename_passkey(&caller, &id, &name(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a passkey.
#[cfg_attr(test, utoipa::path(
    delete, path = "/mfa/passkeys/{id}", operation_id = "removePasskey",
    params(super::openapi::IdPath), responses((status = 204, description = "The passkey was removed"))
))]
pub(super) async fn remove(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    custom.remove_passkey(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Named authenticators: several apps, each with a name.

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::StatusCode};
use serde::Serialize;

use super::{Answer, CodeBody, NameBody, Named, NewTotp, Repeated, VERIFIED, Verified, code, name, time};
use crate::{
    factors::{
        SignedIn,
        custom::{CustomFactorService, CustomFactors},
    },
    http::{Problem, body::Body, changes::Repeatable},
};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct AuthenticatorView {
    id: String,
    name: String,
    #[cfg_attr(test, schema(format = DateTime))]
    created_at: String,
    /// `false` until the user enters one of its codes. Only confirmed authenticators can sign in.
    confirmed: bool,
}

impl AuthenticatorView {
    /// Oldest first.
    pub(super) fn all(factors: &CustomFactors) -> Vec<Self> {
        let mut sorted: Vec<_> = factors.authenticators.iter().collect();
        sorted.sort_by_key(|(_, authenticator)| authenticator.created_at);
        sorted
            .into_iter()
            .map(|(id, authenticator)| Self {
                id: id.as_str().to_owned(),
                name: authenticator.name.as_str().to_owned(),
                created_at: time(authenticator.created_at),
                confirmed: authenticator.is_confirmed,
            })
            .collect()
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct Authenticators {
    authenticators: Vec<AuthenticatorView>,
}

/// Returns the user's named authenticators, oldest first.
#[cfg_attr(test, utoipa::path(
    get, path = "/mfa/authenticators", operation_id = "listAuthenticators",
    responses((status = 200, description = "At most five authenticators", body = Authenticators))
))]
pub(super) async fn list(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
) -> Answer<Authenticators> {
    let factors = custom.factors(&caller).await?;
    Ok(Json(Authenticators { authenticators: AuthenticatorView::all(&factors) }))
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct NewAuthenticator {
    id: String,
    #[serde(flatten)]
    totp: NewTotp,
}

/// Starts the set-up of a named authenticator.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/authenticators", operation_id = "startAuthenticator",
    request_body = NameBody,
    responses((status = 201, description = "The secret for the app. It is shown only once", body = NewAuthenticator))
))]
pub(super) async fn start(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
    Body(NameBody { name: text }): Body<NameBody>,
) -> Result<(StatusCode, Json<NewAuthenticator>), Problem> {
    let (id, enrolment) = custom.start_authenticator(&caller, name(&text)?).await?;
    let answer = NewAuthenticator { id: id.as_str().to_owned(), totp: enrolment.into() };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Confirms an authenticator app with one of its codes. From then on it can sign in.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/authenticators/{id}/verify", operation_id = "verifyAuthenticator",
    params(super::openapi::IdPath), request_body = CodeBody,
    responses((status = 200, description = "The authenticator is confirmed", body = Verified))
))]
pub(super) async fn verify(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
    Named(id): Named,
    Body(CodeBody { code: text }): Body<CodeBody>,
) -> Repeated<Verified> {
    custom.confirm_authenticator(&caller, &id, &code(&text)?).await?;
    Ok((Extension(Repeatable), Json(VERIFIED)))
}

/// Renames an authenticator app.
#[cfg_attr(test, utoipa::path(
    patch, path = "/mfa/authenticators/{id}", operation_id = "renameAuthenticator",
    params(super::openapi::IdPath), request_body = NameBody,
    responses((status = 204, description = "The authenticator was renamed"))
))]
pub(super) async fn rename(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
    Named(id): Named,
    Body(NameBody { name: text }): Body<NameBody>,
) -> Result<StatusCode, Problem> {
    custom.rename_authenticator(&caller, &id, &name(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes an authenticator app.
#[cfg_attr(test, utoipa::path(
    delete, path = "/mfa/authenticators/{id}", operation_id = "removeAuthenticator",
    params(super::openapi::IdPath), responses((status = 204, description = "The authenticator was removed"))
))]
pub(super) async fn remove(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    custom.remove_authenticator(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

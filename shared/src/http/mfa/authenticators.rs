//! Authenticators of ours: several, each with a name.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;

use super::{Answer, Named, NewTotp, VERIFIED, Verified, name, time};
use crate::{
    factors::{
        SignedIn,
        own::{OwnFactors, SelfService},
    },
    http::{Problem, body::Body},
    kernel::OneTimeCode,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuthenticatorView {
    id: String,
    name: String,
    created_at: String,
    /// False until a code of it was entered; then it counts.
    confirmed: bool,
}

impl AuthenticatorView {
    /// The oldest first.
    pub(super) fn all(factors: &OwnFactors) -> Vec<Self> {
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
pub(super) struct Authenticators {
    authenticators: Vec<AuthenticatorView>,
}

/// `GET /mfa/authenticators`
pub(super) async fn list(State(own): State<Arc<SelfService>>, caller: SignedIn) -> Answer<Authenticators> {
    let factors = own.factors(&caller).await?;
    Ok(Json(Authenticators { authenticators: AuthenticatorView::all(&factors) }))
}

#[derive(Debug, Serialize)]
pub(super) struct NewAuthenticator {
    id: String,
    #[serde(flatten)]
    totp: NewTotp,
}

/// `POST /mfa/authenticators {name}`
pub(super) async fn start(
    State(own): State<Arc<SelfService>>,
    caller: SignedIn,
    mut body: Body,
) -> Result<(StatusCode, Json<NewAuthenticator>), Problem> {
    let text: String = body.required("name")?;
    body.finish()?;
    let (id, enrolment) = own.start_authenticator(&caller, name(&text)?).await?;
    let answer = NewAuthenticator { id: id.as_str().to_owned(), totp: enrolment.into() };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `POST /mfa/authenticators/{id}/verify {code}`
pub(super) async fn verify(
    State(own): State<Arc<SelfService>>,
    caller: SignedIn,
    Named(id): Named,
    mut body: Body,
) -> Answer<Verified> {
    let code: String = body.required("code")?;
    body.finish()?;
    let code = OneTimeCode::parse_totp(&code).map_err(|_| Problem::field("code"))?;
    own.confirm_authenticator(&caller, &id, &code).await?;
    Ok(Json(VERIFIED))
}

/// `PATCH /mfa/authenticators/{id} {name}`
pub(super) async fn rename(
    State(own): State<Arc<SelfService>>,
    caller: SignedIn,
    Named(id): Named,
    mut body: Body,
) -> Result<StatusCode, Problem> {
    let text: String = body.required("name")?;
    body.finish()?;
    own.rename_authenticator(&caller, &id, &name(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /mfa/authenticators/{id}`
pub(super) async fn remove(
    State(own): State<Arc<SelfService>>,
    caller: SignedIn,
    Named(id): Named,
) -> Result<StatusCode, Problem> {
    own.remove_authenticator(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Setting up the e-mail address and the phone number that codes go to.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use serde::Serialize;

use super::{Repeated, VERIFIED, Verified};
use crate::{
    delivery::{Channel, Destination},
    factors::{AddressService, SignedIn},
    http::{Problem, body::Body, changes::Repeatable},
    kernel::{EmailAddress, OneTimeCode, PhoneNumber},
};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct CodeSent {
    /// `CODE_SENT`
    status: &'static str,
}

const SENT: CodeSent = CodeSent { status: "CODE_SENT" };

/// Changes the e-mail address. Notifies the old address first, then sends a code to the new one.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/email", operation_id = "changeEmail",
    request_body = super::openapi::EmailBody,
    responses((status = 200, description = "A code was sent", body = CodeSent))
))]
pub(super) async fn change_email(
    State(addresses): State<Arc<AddressService>>,
    caller: SignedIn,
    mut body: Body,
) -> Repeated<CodeSent> {
    let text: String = body.required("email")?;
    body.finish()?;
    let email = EmailAddress::parse(&text).map_err(|_| Problem::field("email"))?;
    change(&addresses, &caller, &Destination::Email(email)).await
}

/// Changes the phone number, in E.164. Notifies the old address first, then sends a code to the new number.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/phone-number", operation_id = "changePhoneNumber",
    request_body = super::openapi::PhoneNumberBody,
    responses((status = 200, description = "A code was sent", body = CodeSent))
))]
pub(super) async fn change_phone_number(
    State(addresses): State<Arc<AddressService>>,
    caller: SignedIn,
    mut body: Body,
) -> Repeated<CodeSent> {
    let text: String = body.required("phoneNumber")?;
    body.finish()?;
    let number = PhoneNumber::parse(&text).map_err(|_| Problem::field("phoneNumber"))?;
    change(&addresses, &caller, &Destination::Sms(number)).await
}

async fn change(addresses: &AddressService, caller: &SignedIn, to: &Destination) -> Repeated<CodeSent> {
    addresses.change(caller, to).await?;
    Ok((Extension(Repeatable), Json(SENT)))
}

/// Sends another code to the e-mail address.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/email/code", operation_id = "sendEmailCode",
    request_body = Option<super::openapi::EmptyBody>,
    responses((status = 200, description = "Another code was sent", body = CodeSent))
))]
pub(super) async fn send_email_code(
    State(addresses): State<Arc<AddressService>>,
    caller: SignedIn,
    body: Body,
) -> Repeated<CodeSent> {
    send_code(&addresses, &caller, Channel::Email, body).await
}

/// Sends another code to the phone number.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/phone-number/code", operation_id = "sendPhoneNumberCode",
    request_body = Option<super::openapi::EmptyBody>,
    responses((status = 200, description = "Another code was sent", body = CodeSent))
))]
pub(super) async fn send_phone_number_code(
    State(addresses): State<Arc<AddressService>>,
    caller: SignedIn,
    body: Body,
) -> Repeated<CodeSent> {
    send_code(&addresses, &caller, Channel::Sms, body).await
}

async fn send_code(
    addresses: &AddressService,
    caller: &SignedIn,
    channel: Channel,
    body: Body,
) -> Repeated<CodeSent> {
    body.finish()?;
    addresses.send_code(caller, channel).await?;
    Ok((Extension(Repeatable), Json(SENT)))
}

/// Verifies the e-mail address with the code that was sent to it.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/email/verify", operation_id = "verifyEmail",
    request_body = super::openapi::CodeBody,
    responses((status = 200, description = "The address is verified", body = Verified))
))]
pub(super) async fn verify_email(
    State(addresses): State<Arc<AddressService>>,
    caller: SignedIn,
    body: Body,
) -> Repeated<Verified> {
    verify(&addresses, &caller, Channel::Email, body).await
}

/// Verifies the phone number with the code that was sent to it.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/phone-number/verify", operation_id = "verifyPhoneNumber",
    request_body = super::openapi::CodeBody,
    responses((status = 200, description = "The address is verified", body = Verified))
))]
pub(super) async fn verify_phone_number(
    State(addresses): State<Arc<AddressService>>,
    caller: SignedIn,
    body: Body,
) -> Repeated<Verified> {
    verify(&addresses, &caller, Channel::Sms, body).await
}

async fn verify(
    addresses: &AddressService,
    caller: &SignedIn,
    channel: Channel,
    mut body: Body,
) -> Repeated<Verified> {
    let code: String = body.required("code")?;
    body.finish()?;
    // The code has six digits, like those of authenticators (cognito.md §1.12).
    let code = OneTimeCode::parse_totp(&code).map_err(|_| Problem::field("code"))?;
    addresses.verify(caller, channel, &code).await?;
    Ok((Extension(Repeatable), Json(VERIFIED)))
}

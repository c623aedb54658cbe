//! Setting up the e-mail address and the phone number that codes go to.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use serde::{Deserialize, Serialize};

use super::{CodeBody, Repeated, VERIFIED, Verified, code};
use crate::{
    delivery::{Channel, toll_fraud::Destination},
    factors::{AddressService, SignedIn},
    http::{
        Problem,
        body::{Body, EmptyBody},
        changes::Repeatable,
    },
    kernel::{EmailAddress, PhoneNumber},
};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct CodeSent {
    /// `CODE_SENT`
    status: &'static str,
}

const SENT: CodeSent = CodeSent { status: "CODE_SENT" };

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct EmailBody {
    #[cfg_attr(test, schema(format = Email))]
    email: String,
}

/// Changes the e-mail address. Notifies the old address first, then sends a code to the new one.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/email", operation_id = "changeEmail",
    request_body = EmailBody,
    responses((status = 200, description = "A code was sent", body = CodeSent))
))]
pub(super) async fn change_email(
    State(addresses): State<Arc<AddressService>>,
    caller: SignedIn,
    Body(EmailBody { email }): Body<EmailBody>,
) -> Repeated<CodeSent> {
    let email = EmailAddress::parse(&email).map_err(|_| Problem::field("email"))?;
    change(&addresses, &caller, &Destination::Email(email)).await
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PhoneNumberBody {
    /// E.164.
    #[cfg_attr(test, schema(pattern = "^\\+[1-9][0-9]{6,14}$", example = "+12025550123"))]
    phone_number: String,
}

/// Changes the phone number, in E.164. Notifies the old address first, then sends a code to the new number.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/phone-number", operation_id = "changePhoneNumber",
    request_body = PhoneNumberBody,
    responses((status = 200, description = "A code was sent", body = CodeSent))
))]
pub(super) async fn change_phone_number(
    State(addresses): State<Arc<AddressService>>,
    caller: SignedIn,
    Body(PhoneNumberBody { phone_number }): Body<PhoneNumberBody>,
) -> Repeated<CodeSent> {
    let number = PhoneNumber::parse(&phone_number).map_err(|_| Problem::field("phoneNumber"))?;
    change(&addresses, &caller, &Destination::Sms(number)).await
}

async fn change(addresses: &AddressService, caller: &SignedIn, to: &Destination) -> Repeated<CodeSent> {
    addresses.change(caller, to).await?;
    Ok((Extension(Repeatable), Json(SENT)))
}

/// Sends another code to the e-mail address.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/email/code", operation_id = "sendEmailCode",
    request_body = Option<EmptyBody>,
    responses((status = 200, description = "Another code was sent", body = CodeSent))
))]
pub(super) async fn send_email_code(
    State(addresses): State<Arc<AddressService>>,
    caller: SignedIn,
    _: Body<EmptyBody>,
) -> Repeated<CodeSent> {
    send_code(&addresses, &caller, Channel::Email).await
}

/// Sends another code to the phone number.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/phone-number/code", operation_id = "sendPhoneNumberCode",
    request_body = Option<EmptyBody>,
    responses((status = 200, description = "Another code was sent", body = CodeSent))
))]
pub(super) async fn send_phone_number_code(
    State(addresses): State<Arc<AddressService>>,
    caller: SignedIn,
    _: Body<EmptyBody>,
) -> Repeated<CodeSent> {
    send_code(&addresses, &caller, Channel::Sms).await
}

async fn send_code(addresses: &AddressService, caller: &SignedIn, channel: Channel) -> Repeated<CodeSent> {
    addresses.send_code(caller, channel).await?;
    Ok((Extension(Repeatable), Json(SENT)))
}

/// Verifies the e-mail address with the code that was sent to it.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/email/verify", operation_id = "verifyEmail",
    request_body = CodeBody,
    responses((status = 200, description = "The address is verified", body = Verified))
))]
pub(super) async fn verify_email(
    State(addresses): State<Arc<AddressService>>,
    caller: SignedIn,
    Body(body): Body<CodeBody>,
) -> Repeated<Verified> {
    verify(&addresses, &caller, Channel::Email, &body).await
}

/// Verifies the phone number with the code that was sent to it.
#[cfg_attr(test, utoipa::path(
    post, path = "/mfa/phone-number/verify", operation_id = "verifyPhoneNumber",
    request_body = CodeBody,
    responses((status = 200, description = "The address is verified", body = Verified))
))]
pub(super) async fn verify_phone_number(
    State(addresses): State<Arc<AddressService>>,
    caller: SignedIn,
    Body(body): Body<CodeBody>,
) -> Repeated<Verified> {
    verify(&addresses, &caller, Channel::Sms, &body).await
}

async fn verify(
    addresses: &AddressService,
    caller: &SignedIn,
    channel: Channel,
    body: &CodeBody,
) -> Repeated<Verified> {
    addresses.verify(caller, channel, &code(&body.code)?).await?;
    Ok((Extension(Repeatable), Json(VERIFIED)))
}

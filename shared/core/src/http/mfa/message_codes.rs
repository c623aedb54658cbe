use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};

use super::Answer;
use crate::{
    factors::{
        SignedIn,
        custom::{CustomFactorService, MessageCodeSetting, MessageCodes},
    },
    http::body::Body,
};

/// Whether codes by e-mail and SMS are offered in custom challenges.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct MessageCodesView {
    email: MessageCodeSetting,
    sms: MessageCodeSetting,
}

impl From<MessageCodes> for MessageCodesView {
    fn from(settings: MessageCodes) -> Self {
        Self { email: settings.email, sms: settings.sms }
    }
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct MessageCodesBody {
    email: Option<MessageCodeSetting>,
    sms: Option<MessageCodeSetting>,
}

/// Returns the settings.
#[cfg_attr(test, utoipa::path(
    get, path = "/mfa/message-codes", operation_id = "getMessageCodes",
    responses((status = 200, description = "The settings", body = MessageCodesView))
))]
pub(super) async fn get(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
) -> Answer<MessageCodesView> {
    Ok(Json(custom.factors(&caller).await?.message_codes.into()))
}

/// Turns codes by e-mail and SMS on or off. `automatic` offers them as long as the user has no
/// authenticator. An absent member stays as it is.
#[cfg_attr(test, utoipa::path(
    put, path = "/mfa/message-codes", operation_id = "putMessageCodes",
    request_body = Option<MessageCodesBody>,
    responses((status = 200, description = "The settings now", body = MessageCodesView))
))]
pub(super) async fn put(
    State(custom): State<Arc<CustomFactorService>>,
    caller: SignedIn,
    Body(MessageCodesBody { email, sms }): Body<MessageCodesBody>,
) -> Answer<MessageCodesView> {
    Ok(Json(custom.set_message_codes(&caller, email, sms).await?.into()))
}

//! What the ways into a pool have in common: names, codes, and the triggers around them.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::UserPools;
use crate::delivery::{self, Delivery, Occasion};
use crate::entropy;
use crate::model::attributes::{is_email, is_phone_number};
use crate::model::pool::Pool;
use crate::model::secret::Secret;
use crate::model::user::{CodePurpose, PendingCode, User};
use crate::protocol::error::ApiError;
use crate::triggers::event::{Metadata, with_metadata};
use crate::triggers::{self, Event, Trigger, unrecognizable};

/// The username of a new user and their `sub`. Where addresses stand for usernames, the username is
/// the `sub` and the given name becomes the attribute.
pub(crate) fn new_username(
    pool: &Pool,
    given: &str,
    attributes: &mut BTreeMap<String, String>,
) -> Result<(String, String), ApiError> {
    let sub = entropy::uuid();
    let (email, phone) = (is_email(given), is_phone_number(given));
    let names = pool.username_attributes();
    if names.is_empty() {
        for (attribute, what, matches) in [("email", "email", email), ("phone_number", "phone number", phone)]
        {
            if matches && pool.alias_attributes().iter().any(|alias| alias == attribute) {
                return Err(ApiError::invalid_parameter(format!(
                    "Username cannot be of {what} format, since user pool is configured for {what} alias."
                )));
            }
        }
        return Ok((given.to_owned(), sub));
    }
    let accepts = |name: &str| names.iter().any(|attribute| attribute == name);
    let attribute = match (accepts("email") && email, accepts("phone_number") && phone) {
        (true, _) => "email",
        (_, true) => "phone_number",
        _ => {
            return Err(ApiError::invalid_parameter(match (accepts("email"), accepts("phone_number")) {
                (true, true) => "Username should be either an email or a phone number.",
                (true, false) => "Username should be an email.",
                _ => "Username should be a phone number.",
            }));
        }
    };
    if attributes.insert(attribute.to_owned(), given.to_owned()).is_some_and(|other| other != given) {
        return Err(ApiError::invalid_parameter(format!(
            "Username and {attribute} attribute must be the same."
        )));
    }
    Ok((sub.clone(), sub))
}

/// What `PreSignUp` answered.
#[derive(Default)]
pub(crate) struct PreSignUp {
    pub(crate) confirm: bool,
    pub(crate) verify_email: bool,
    pub(crate) verify_phone: bool,
}

pub(crate) struct PreSignUpEvent<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) source: &'a str,
    pub(crate) username: &'a str,
    pub(crate) attributes: Value,
    pub(crate) validation_data: Option<Value>,
    pub(crate) metadata: Option<&'a Metadata>,
}

pub(crate) async fn pre_sign_up(
    pools: &UserPools,
    pool: &Pool,
    event: PreSignUpEvent<'_>,
) -> Result<PreSignUp, ApiError> {
    let Some(function) = &pool.settings.lambda_config.pre_sign_up else {
        return Ok(PreSignUp::default());
    };
    let request = json!({"userAttributes": event.attributes, "validationData": event.validation_data});
    let event = Event {
        pool,
        client_id: event.client_id,
        source: event.source.to_owned(),
        username: event.username,
        version: "1",
        request: with_metadata(request, event.metadata),
        response: Some(json!({"autoConfirmUser": false, "autoVerifyEmail": false, "autoVerifyPhone": false})),
    };
    let response = triggers::invoke(pools, Trigger::PreSignUp, function, event).await?;
    let flag = |name: &str| match response.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(unrecognizable()),
    };
    Ok(PreSignUp {
        confirm: flag("autoConfirmUser")?,
        verify_email: flag("autoVerifyEmail")?,
        verify_phone: flag("autoVerifyPhone")?,
    })
}

/// The user is confirmed already; an error only reaches the caller (cognito.md §1.6).
pub(crate) async fn post_confirmation(
    pools: &UserPools,
    pool: &Pool,
    client_id: &str,
    user: &User,
    source: &str,
    metadata: Option<&Metadata>,
) -> Result<(), ApiError> {
    let Some(function) = &pool.settings.lambda_config.post_confirmation else {
        return Ok(());
    };
    let event = Event {
        pool,
        client_id,
        source: format!("PostConfirmation_{source}"),
        username: &user.username,
        version: "1",
        request: with_metadata(json!({"userAttributes": user.event_attributes(pool)}), metadata),
        response: Some(json!({})),
    };
    triggers::invoke(pools, Trigger::PostConfirmation, function, event).await?;
    Ok(())
}

/// Where a confirmation code goes: to the phone if the pool verifies phones, else to the e-mail.
pub(super) fn attribute_to_confirm(pool: &Pool, user: &User) -> Option<&'static str> {
    ["phone_number", "email"]
        .into_iter()
        .find(|attribute| pool.auto_verifies(attribute) && user.attribute(attribute).is_some())
}

/// A fresh confirmation code, kept for 24 hours and sent. Gives `CodeDeliveryDetails`.
pub(super) async fn send_confirmation(
    pools: &UserPools,
    pool: &Pool,
    client_id: &str,
    sub: &str,
    attribute: &str,
    occasion: Occasion,
    metadata: Option<&Metadata>,
) -> Result<Value, ApiError> {
    let code = delivery::new_code();
    let expires = pools.now().saturating_add(SignedDuration::from_hours(24)).unwrap_or(jiff::Timestamp::MAX);
    let pending = PendingCode { code: Secret::new(code.clone()), expires, attribute: attribute.to_owned() };
    let user = pools.store.update_user(&pool.id, sub, |user| {
        user.codes.insert(CodePurpose::SignUp, pending);
        Ok(user.clone())
    })?;
    let delivery = Delivery { pool, client_id, user: &user, occasion, attribute, secret: &code, metadata };
    delivery::deliver(pools, &delivery).await
}

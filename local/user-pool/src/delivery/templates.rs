//! The pool's own wording, and Cognito's where the pool has none.

use super::{Delivery, Occasion};
use crate::model::pool::{EmailMfa, Pool};
use crate::ports::Channel;

pub(super) const CODE_PLACEHOLDER: &str = "{####}";
pub(super) const USERNAME_PLACEHOLDER: &str = "{username}";

pub(super) struct Wording {
    pub(super) subject: Option<String>,
    pub(super) text: String,
}

/// Subject and text with the placeholders filled.
pub(super) fn wording(delivery: &Delivery<'_>) -> Wording {
    let (subject, text) = match delivery.channel() {
        Channel::Email => {
            let (subject, text) = email(delivery.pool, delivery.occasion);
            (Some(subject), text)
        }
        Channel::Sms => (None, sms(delivery.pool, delivery.occasion)),
    };
    Wording {
        subject: subject.map(|subject| fill(&subject, delivery)),
        text: fill(&text, delivery),
    }
}

pub(super) fn fill(text: &str, delivery: &Delivery<'_>) -> String {
    text.replace(CODE_PLACEHOLDER, delivery.secret)
        .replace(USERNAME_PLACEHOLDER, &delivery.user.username)
}

fn email(pool: &Pool, occasion: Occasion) -> (String, String) {
    let settings = &pool.settings;
    let (subject, text, default_subject, default_text) = match occasion {
        Occasion::AdminCreateUser => {
            let invite = &settings.admin_create_user_config.invite_message_template;
            (
                invite.email_subject.clone(),
                invite.email_message.clone(),
                "Your temporary password",
                "Your username is {username} and temporary password is {####}.",
            )
        }
        Occasion::Authentication => {
            let EmailMfa { message, subject } = pool.mfa.email.clone().unwrap_or_default();
            (
                subject,
                message,
                "Your authentication code",
                "Your authentication code is {####}.",
            )
        }
        _ => {
            let template = &settings.verification_message_template;
            (
                template
                    .email_subject
                    .clone()
                    .or_else(|| settings.email_verification_subject.clone()),
                template
                    .email_message
                    .clone()
                    .or_else(|| settings.email_verification_message.clone()),
                "Your verification code",
                "Your confirmation code is {####}.",
            )
        }
    };
    (
        subject.unwrap_or_else(|| default_subject.to_owned()),
        text.unwrap_or_else(|| default_text.to_owned()),
    )
}

fn sms(pool: &Pool, occasion: Occasion) -> String {
    let settings = &pool.settings;
    let (text, default) = match occasion {
        Occasion::AdminCreateUser => (
            settings
                .admin_create_user_config
                .invite_message_template
                .sms_message
                .clone(),
            "Your username is {username} and temporary password is {####}.",
        ),
        Occasion::Authentication => {
            let configured = pool.mfa.sms.as_ref();
            let message = configured.and_then(|sms| sms.get("SmsAuthenticationMessage"));
            let message = message.and_then(|message| message.as_str()).map(str::to_owned);
            (
                message.or_else(|| settings.sms_authentication_message.clone()),
                "Your authentication code is {####}.",
            )
        }
        _ => (
            settings
                .verification_message_template
                .sms_message
                .clone()
                .or_else(|| settings.sms_verification_message.clone()),
            "Your confirmation code is {####}.",
        ),
    };
    text.unwrap_or_else(|| default.to_owned())
}

//! The notification of a risky sign-in (cognito.md §4.9, §1.15): to the custom e-mail sender if the
//! pool has one, else Cognito's own mail.

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use url::Url;

use super::custom_sender;
use crate::UserPools;
use crate::model::pool::Pool;
use crate::model::risk::{EventAction, NotifyConfiguration};
use crate::model::secret::Secret;
use crate::model::user::User;
use crate::ports::{Channel, Message};
use crate::triggers::Event;

pub(crate) struct TakeoverNotification<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) client_id: &'a str,
    pub(crate) user: &'a User,
    pub(crate) configuration: Option<&'a NotifyConfiguration>,
    pub(crate) action: EventAction,
    pub(crate) event_id: &'a str,
    pub(crate) address: IpAddr,
    pub(crate) feedback_token: &'a Secret,
}

/// Notifies the user at the e-mail address, verified or not. Does nothing for a user without an address.
/// The sign-in continues whatever the result.
pub(crate) async fn notify_of_takeover(pools: &UserPools, notification: &TakeoverNotification<'_>) {
    let Some(to) = notification.user.attribute("email") else {
        return;
    };
    let lambda = &notification.pool.settings.lambda_config;
    if let Some(sender) = &lambda.custom_email_sender {
        let event = Event {
            pool: notification.pool,
            client_id: notification.client_id,
            source: "CustomEmailSender_AccountTakeOverNotification".to_owned(),
            username: &notification.user.username,
            version: "1",
            request: json!({
                "type": "customEmailSenderRequestV1",
                "code": Value::Null,
                "clientMetadata": Value::Null,
                "userAttributes": notification.facts(pools),
            }),
            response: None,
        };
        custom_sender::hand_over(pools, &sender.lambda_arn, event).await;
        return;
    }
    let Some(configuration) = notification.configuration else {
        return;
    };
    let facts = notification.facts(pools);
    let template = configuration.email(notification.action);
    let (subject, text) = standard(notification.action);
    let subject = template.map_or(subject, |template| template.subject.as_str());
    let text = template.and_then(|template| template.body()).unwrap_or(text);
    pools.config.outbox.deliver(Message {
        channel: Channel::Email,
        to: to.to_owned(),
        subject: Some(fill(subject, &facts)),
        text: fill(text, &facts),
        code: None,
    });
}

impl TakeoverNotification<'_> {
    /// `userAttributes` of the event. City, country and device are unknown here.
    fn facts(&self, pools: &UserPools) -> Map<String, Value> {
        let token = self.feedback_token.expose();
        let facts = json!({
            "EVENT_ID": self.event_id,
            "USER_NAME": self.user.username,
            "IP_ADDRESS": self.address,
            "ACCOUNT_TAKE_OVER_ACTION": self.action,
            "ONE_CLICK_LINK_VALID": self.link(pools, "Valid"),
            "ONE_CLICK_LINK_INVALID": self.link(pools, "Invalid"),
            "LOGIN_TIME": format!("{:.0}", pools.now()),
            "FEEDBACK_TOKEN": token,
        });
        match facts {
            Value::Object(facts) => facts,
            _ => Map::new(),
        }
    }

    /// At Cognito a page of the pool's domain, at a path that isn't documented; here our own.
    fn link(&self, pools: &UserPools, value: &str) -> String {
        let base = pools.config.base_url.trim_end_matches('/');
        let query = [
            ("user_name", self.user.username.as_str()),
            ("event_id", self.event_id),
            ("feedback_token", self.feedback_token.expose()),
            ("value", value),
        ];
        let page = format!("{base}/{}/auth-event-feedback", self.pool.id);
        Url::parse_with_params(&page, query).map(String::from).unwrap_or_default()
    }
}

/// Where the configuration has no words.
fn standard(action: EventAction) -> (&'static str, &'static str) {
    match action {
        EventAction::Block => {
            ("A sign-in was blocked", "We blocked a sign-in of {username} at {login-time}.")
        }
        EventAction::NoAction => {
            ("An unusual sign-in", "We noticed a sign-in of {username} at {login-time}.")
        }
        EventAction::MfaIfConfigured | EventAction::MfaRequired => {
            ("An unusual sign-in", "We asked for a second factor at a sign-in of {username} at {login-time}.")
        }
    }
}

/// What is unknown leaves its place empty.
fn fill(text: &str, facts: &Map<String, Value>) -> String {
    const PLACEHOLDERS: [(&str, &str); 10] = [
        ("{username}", "USER_NAME"),
        ("{ip-address}", "IP_ADDRESS"),
        ("{city}", "CITY"),
        ("{country}", "COUNTRY"),
        ("{login-time}", "LOGIN_TIME"),
        ("{device-name}", "DEVICE_NAME"),
        ("{one-click-link-valid}", "ONE_CLICK_LINK_VALID"),
        ("{one-click-link-invalid}", "ONE_CLICK_LINK_INVALID"),
        ("{event-id}", "EVENT_ID"),
        ("{feedback-token}", "FEEDBACK_TOKEN"),
    ];
    PLACEHOLDERS.iter().fold(text.to_owned(), |text, (placeholder, fact)| {
        text.replace(placeholder, facts.get(*fact).and_then(Value::as_str).unwrap_or_default())
    })
}

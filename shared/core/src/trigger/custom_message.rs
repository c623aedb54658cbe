use serde_json::{Map, Value};

use super::{Event, Trigger, TriggerFault};
use crate::delivery::{
    Purpose,
    message::{CognitoPlaceholders, Messages},
};

/// Returns the texts of the messages that Cognito sends itself (cognito.md §1.11). The event does not name
/// the channel, so we return the texts of all channels.
#[derive(Debug)]
pub struct CustomMessage {
    messages: Messages,
}

impl CustomMessage {
    pub fn new(messages: Messages) -> Self {
        Self { messages }
    }
}

impl Trigger for CustomMessage {
    async fn handle(&self, event: Event<'_>) -> Result<Map<String, Value>, TriggerFault> {
        let mut response = Map::new();
        // Without a place for the code Cognito would refuse any text, so we keep the pool's own.
        let Some(code) = event.parameter("codeParameter") else {
            tracing::warn!("event has no code placeholder");
            return Ok(response);
        };
        let placeholders = CognitoPlaceholders {
            code,
            user_name: event.parameter("usernameParameter"),
            link: event.parameter("linkParameter"),
        };
        let purpose = Purpose::of_source(event.source());
        let texts = self.messages.for_cognito(purpose, placeholders, event.locales());
        if let Some(text) = texts.sms {
            response.insert("smsMessage".into(), text.into());
        }
        if let Some((subject, message)) = texts.email {
            response.insert("emailSubject".into(), subject.into());
            response.insert("emailMessage".into(), message.into());
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{config::Policy, trigger::answer};

    async fn response(event: Value) -> Value {
        let trigger = CustomMessage::new(Messages::new(Policy::default().messages, None));
        answer(&trigger, event).await.unwrap()["response"].clone()
    }

    fn event(source: &str, attribute: &str, metadata: &Value) -> Value {
        json!({
            "triggerSource": source,
            "request": {
                "userAttributes": { "locale": attribute },
                "codeParameter": "{####}",
                "linkParameter": "{##Click Here##}",
                "usernameParameter": if source.ends_with("AdminCreateUser") { json!("{username}") } else { Value::Null },
                "clientMetadata": metadata,
            },
            "response": { "smsMessage": null, "emailMessage": null, "emailSubject": null },
        })
    }

    #[tokio::test]
    async fn the_client_s_locale_goes_before_the_profile_s() {
        for (attribute, metadata, expected) in [
            ("de-DE", json!(null), "Ihr Anmeldecode"),
            ("de-DE", json!({ "locale": "fr" }), "Votre code"),
            ("de-DE", json!({ "locale": "'; DROP TABLE" }), "Ihr Anmeldecode"),
            ("", json!({ "locale": 1 }), "Your Example sign-in code"),
        ] {
            let response = response(event("CustomMessage_Authentication", attribute, &metadata)).await;
            assert!(response["emailSubject"].as_str().unwrap().starts_with(expected), "{response}");
        }
    }

    #[tokio::test]
    async fn every_text_has_what_cognito_puts_in() {
        for source in [
            "CustomMessage_SignUp",
            "CustomMessage_AdminCreateUser",
            "CustomMessage_ResendCode",
            "CustomMessage_ForgotPassword",
            "CustomMessage_UpdateUserAttribute",
            "CustomMessage_VerifyUserAttribute",
            "CustomMessage_Authentication",
            "CustomMessage_AddedLater",
        ] {
            let response = response(event(source, "en", &Value::Null)).await;
            for member in ["smsMessage", "emailMessage"] {
                let text = response[member].as_str().unwrap();
                assert!(text.contains("{####}"), "{source} {text}");
                assert_eq!(text.contains("{username}"), source.ends_with("AdminCreateUser"), "{source}");
            }
        }
    }

    #[tokio::test]
    async fn without_a_place_for_the_code_the_pool_keeps_its_words() {
        for member in ["codeParameter", "request"] {
            let mut event = event("CustomMessage_SignUp", "en", &Value::Null);
            if member == "request" {
                event["request"] = Value::Null;
            } else {
                event["request"][member] = Value::Null;
            }
            let response = response(event).await;
            assert_eq!(
                response,
                json!({ "smsMessage": null, "emailMessage": null, "emailSubject": null }),
                "{member}"
            );
        }
    }
}

use serde_json::{Map, Value};

use crate::kernel::UserId;

/// A trigger's event, read tolerantly.
#[derive(Clone, Copy)]
pub struct Event<'a>(&'a Map<String, Value>);

impl<'a> Event<'a> {
    pub fn new(event: &'a Map<String, Value>) -> Self {
        Self(event)
    }

    /// `PreSignUp_SignUp` and the like; empty where there is none.
    pub fn source(self) -> &'a str {
        text(self.0.get("triggerSource")).unwrap_or_default()
    }

    /// The username, not the alias that was typed; for an unknown user what was typed.
    pub fn user_name(self) -> &'a str {
        text(self.0.get("userName")).unwrap_or_default()
    }

    /// One of `request.userAttributes`.
    pub fn attribute(self, name: &str) -> Option<&'a str> {
        text(self.request("userAttributes")?.get(name))
    }

    /// `sub`; none for a user who is unknown or not created yet.
    pub fn user(self) -> Option<UserId> {
        UserId::parse(self.attribute("sub")?).ok()
    }

    fn request(self, name: &str) -> Option<&'a Value> {
        self.0.get("request")?.get(name)
    }
}

/// Attributes may hold addresses: only the source is printed.
impl std::fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Event({})", self.source())
    }
}

fn text(value: Option<&Value>) -> Option<&str> {
    value?.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_null_empty_and_mistyped_are_the_same() {
        for event in [
            json!({}),
            json!({ "triggerSource": null, "request": null }),
            json!({ "triggerSource": "", "request": { "userAttributes": null } }),
            json!({ "triggerSource": 1, "request": { "userAttributes": { "email": "" } } }),
            json!({ "triggerSource": [], "request": "text" }),
        ] {
            let event = event.as_object().unwrap();
            let event = Event::new(event);
            assert_eq!((event.source(), event.attribute("email"), event.user()), ("", None, None));
        }
    }
}

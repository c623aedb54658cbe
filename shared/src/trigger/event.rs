use serde_json::{Map, Value};

use crate::{custom_auth::SessionItem, kernel::UserId, tokens::TokenVersion};

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

    pub fn user_pool_id(self) -> &'a str {
        text(self.0.get("userPoolId")).unwrap_or_default()
    }

    /// The app client's id; `CLIENT_ID_NOT_APPLICABLE` where there is none (cognito.md §1.1).
    pub fn client_id(self) -> &'a str {
        text(self.0.get("callerContext").and_then(|context| context.get("clientId"))).unwrap_or_default()
    }

    /// `request.session`, the oldest first. Something that is no member of a session has no name.
    pub fn session(self) -> Vec<SessionItem<'a>> {
        let items = self.request("session").and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .map(|item| SessionItem {
                name: text(item.get("challengeName")).unwrap_or_default(),
                result: item.get("challengeResult").and_then(Value::as_bool) == Some(true),
                metadata: text(item.get("challengeMetadata")),
            })
            .collect()
    }

    /// One of Verify's `request.privateChallengeParameters`.
    pub fn private_parameter(self, name: &str) -> Option<&'a str> {
        text(self.request("privateChallengeParameters")?.get(name))
    }

    /// Whether the pool knows no such user. Absent is no (cognito.md §1.1).
    pub fn is_user_not_found(self) -> bool {
        self.request("userNotFound").and_then(Value::as_bool) == Some(true)
    }

    /// The user's groups, where tokens are asked for.
    pub fn groups(self) -> impl Iterator<Item = &'a str> {
        let groups = self.request("groupConfiguration").and_then(|groups| groups.get("groupsToOverride"));
        groups.and_then(Value::as_array).into_iter().flatten().filter_map(|group| text(Some(group)))
    }

    /// The same as it came, with the groups' roles.
    pub fn group_configuration(self) -> Option<&'a Value> {
        self.request("groupConfiguration").filter(|groups| !groups.is_null())
    }

    /// What tokens can be changed. Versions are texts, or a number (cognito.md §1.1).
    pub fn token_version(self) -> TokenVersion {
        match self.0.get("version") {
            None | Some(Value::Null) => TokenVersion::V1,
            Some(version) if version == "1" || version == 1 => TokenVersion::V1,
            Some(_) => TokenVersion::V2,
        }
    }

    /// A custom sender's sealed code.
    pub fn code(self) -> Option<&'a str> {
        text(self.request("code"))
    }

    /// One of `request.clientMetadata`: what the app sent along, unverified.
    pub fn client_metadata(self, name: &str) -> Option<&'a str> {
        text(self.request("clientMetadata")?.get(name))
    }

    /// `request.userAttributes`, those that are texts.
    pub fn attributes(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.texts("userAttributes")
    }

    /// What the app sent along: `validationData`, and of `clientMetadata` what is not in there too.
    pub fn app_data(self) -> Vec<(&'a str, &'a str)> {
        let mut data: Vec<_> = self.texts("validationData").collect();
        for (name, value) in self.texts("clientMetadata") {
            if data.iter().all(|(known, _)| *known != name) {
                data.push((name, value));
            }
        }
        data
    }

    /// A boolean of `request` itself; absent and `null` are `false`.
    pub fn flag(self, name: &str) -> bool {
        self.request(name).and_then(Value::as_bool).unwrap_or_default()
    }

    fn texts(self, member: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let members = self.request(member).and_then(Value::as_object);
        members.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), text(Some(value))?)))
    }

    /// One of `request.userAttributes`.
    pub fn attribute(self, name: &str) -> Option<&'a str> {
        text(self.request("userAttributes")?.get(name))
    }

    /// A text of `request` itself: `codeParameter` and the like.
    pub fn parameter(self, name: &str) -> Option<&'a str> {
        text(self.request(name))
    }

    /// The user's locale as it may be known, most wanted first: what the client says now, then what
    /// the profile says. Both are as a user or app typed them.
    pub fn locales(self) -> Vec<&'a str> {
        let metadata = self.request("clientMetadata").and_then(|metadata| metadata.get("locale"));
        [text(metadata), self.attribute("locale")].into_iter().flatten().collect()
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

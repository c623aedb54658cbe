use serde_json::{Map, Value};

use crate::{custom_auth::machine::SessionItem, kernel::UserId, tokens::TokenVersion};

/// A trigger's event. Reading tolerates absent and unexpected members.
#[derive(Clone, Copy)]
pub struct Event<'a>(&'a Map<String, Value>);

impl<'a> Event<'a> {
    pub fn new(event: &'a Map<String, Value>) -> Self {
        Self(event)
    }

    /// Returns the source, such as `PreSignUp_SignUp`, or an empty text if it is absent.
    pub fn source(self) -> &'a str {
        text(self.0.get("triggerSource")).unwrap_or_default()
    }

    /// Returns the user name, not the alias that was typed. For an unknown user it is the typed text.
    pub fn user_name(self) -> &'a str {
        text(self.0.get("userName")).unwrap_or_default()
    }

    pub fn user_pool_id(self) -> &'a str {
        text(self.0.get("userPoolId")).unwrap_or_default()
    }

    /// Returns the app client's id. Cognito sends `CLIENT_ID_NOT_APPLICABLE` if there is no client
    /// (cognito.md §1.1).
    pub fn client_id(self) -> &'a str {
        text(self.0.get("callerContext").and_then(|context| context.get("clientId"))).unwrap_or_default()
    }

    /// Returns `request.session`, oldest first. An item that is not a session member has no name.
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

    /// Returns a member of `request.privateChallengeParameters`, which Verify receives.
    pub fn private_parameter(self, name: &str) -> Option<&'a str> {
        text(self.request("privateChallengeParameters")?.get(name))
    }

    /// Whether the pool does not know the user. An absent member means false (cognito.md §1.1).
    pub fn is_user_not_found(self) -> bool {
        self.request("userNotFound").and_then(Value::as_bool) == Some(true)
    }

    /// Returns the user's groups, in events that issue tokens.
    pub fn groups(self) -> impl Iterator<Item = &'a str> {
        let groups = self.request("groupConfiguration").and_then(|groups| groups.get("groupsToOverride"));
        groups.and_then(Value::as_array).into_iter().flatten().filter_map(|group| text(Some(group)))
    }

    /// Returns `groupConfiguration` as received, including the roles of the groups.
    pub fn group_configuration(self) -> Option<&'a Value> {
        self.request("groupConfiguration").filter(|groups| !groups.is_null())
    }

    /// Returns what tokens can be changed. Versions are texts or a number (cognito.md §1.1).
    pub fn token_version(self) -> TokenVersion {
        match self.0.get("version") {
            None | Some(Value::Null) => TokenVersion::V1,
            Some(version) if version == "1" || version == 1 => TokenVersion::V1,
            Some(_) => TokenVersion::V2,
        }
    }

    /// Returns a custom sender's sealed code.
    pub fn code(self) -> Option<&'a str> {
        text(self.request("code"))
    }

    /// Returns a member of `request.clientMetadata`, which the app sent, unverified.
    pub fn client_metadata(self, name: &str) -> Option<&'a str> {
        text(self.request("clientMetadata")?.get(name))
    }

    /// Returns the members of `request.userAttributes` that are texts.
    pub fn attributes(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.texts("userAttributes")
    }

    /// Returns the values that the app sent: `validationData`, and those of `clientMetadata` with other
    /// names.
    pub fn app_data(self) -> Vec<(&'a str, &'a str)> {
        let mut data: Vec<_> = self.texts("validationData").collect();
        for (name, value) in self.texts("clientMetadata") {
            if data.iter().all(|(known, _)| *known != name) {
                data.push((name, value));
            }
        }
        data
    }

    /// Returns a boolean of `request`. An absent member and `null` are `false`.
    pub fn flag(self, name: &str) -> bool {
        self.request(name).and_then(Value::as_bool).unwrap_or_default()
    }

    fn texts(self, member: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let members = self.request(member).and_then(Value::as_object);
        members.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), text(Some(value))?)))
    }

    /// Returns a member of `request.userAttributes`.
    pub fn attribute(self, name: &str) -> Option<&'a str> {
        text(self.request("userAttributes")?.get(name))
    }

    /// Returns a text of `request`, such as `codeParameter`.
    pub fn parameter(self, name: &str) -> Option<&'a str> {
        text(self.request(name))
    }

    /// Returns the possible locales of the user, most wanted first: the one from the client, then the one in
    /// the profile. Both are as a user or app typed them.
    pub fn locales(self) -> Vec<&'a str> {
        let metadata = self.request("clientMetadata").and_then(|metadata| metadata.get("locale"));
        [text(metadata), self.attribute("locale")].into_iter().flatten().collect()
    }

    /// Returns the `sub`, or `None` for a user who is unknown or not created yet.
    pub fn user(self) -> Option<UserId> {
        UserId::parse(self.attribute("sub")?).ok()
    }

    fn request(self, name: &str) -> Option<&'a Value> {
        self.0.get("request")?.get(name)
    }
}

/// Prints only the source, because attributes may hold addresses.
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

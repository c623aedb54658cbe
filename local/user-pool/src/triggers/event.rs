//! A trigger event, with the null habits of the real ones (cognito.md §1.1).

use serde_json::{Map, Value, json};

use crate::model::pool::Pool;

/// The client id of operations that have none.
pub(crate) const NO_CLIENT: &str = "CLIENT_ID_NOT_APPLICABLE";

pub(crate) struct Event<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) client_id: &'a str,
    pub(crate) source: String,
    /// The username, not the alias that was typed.
    pub(crate) username: &'a str,
    /// "1"; pre-token generation has others.
    pub(crate) version: &'static str,
    pub(crate) request: Value,
    /// Absent in the events of custom senders.
    pub(crate) response: Option<Value>,
}

impl Event<'_> {
    pub(crate) fn into_payload(self) -> Value {
        let mut event = json!({
            "version": self.version,
            "region": self.pool.region(),
            "userPoolId": self.pool.id,
            "userName": self.username,
            "callerContext": {
                "awsSdkVersion": "aws-sdk-unknown-unknown",
                "clientId": self.client_id,
            },
            "triggerSource": self.source,
            "request": self.request,
        });
        if let (Value::Object(members), Some(response)) = (&mut event, self.response) {
            members.insert("response".to_owned(), response);
        }
        event
    }
}

/// `ClientMetadata` and `ValidationData` as maps of strings.
pub(crate) type Metadata = Map<String, Value>;

/// Adds `clientMetadata` if the caller sent any; otherwise the member is absent.
pub(crate) fn with_metadata(mut request: Value, metadata: Option<&Metadata>) -> Value {
    if let (Value::Object(members), Some(metadata)) = (&mut request, metadata) {
        members.insert("clientMetadata".to_owned(), Value::Object(metadata.clone()));
    }
    request
}

//! Every message that would have gone to a user, from whichever service it was sent.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use local_user_pool::ports::{self, Channel, Clock, Message};
use regex::Regex;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

/// Messages kept.
const KEPT: usize = 2_000;

/// A delivered message, as `GET <outbox>` shows it.
#[derive(Clone, Serialize)]
pub struct Delivered {
    /// `email` or `sms`.
    pub channel: &'static str,
    pub to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    pub text: String,
    pub at: Timestamp,
    /// The one-time code in the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Without text and code.
impl std::fmt::Debug for Delivered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivered")
            .field("channel", &self.channel)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

pub struct Outbox {
    delivered: Mutex<VecDeque<Delivered>>,
    news: broadcast::Sender<Delivered>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outbox(..)")
    }
}

impl Outbox {
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { delivered: Mutex::default(), news: broadcast::Sender::new(KEPT), clock })
    }

    /// Newest last; all, or those to one address.
    pub fn messages(&self, to: Option<&str>) -> Vec<Delivered> {
        let delivered = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        delivered.iter().filter(|message| to.is_none_or(|to| message.to == to)).cloned().collect()
    }

    /// Every message from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Delivered> {
        self.news.subscribe()
    }

    /// `GET /outbox[?to=ADDRESS]`
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new().route("/outbox", get(list)).with_state(Arc::clone(self))
    }
}

impl ports::Outbox for Outbox {
    fn deliver(&self, message: Message) {
        let code = message.code.or_else(|| code_in(&message.text));
        let delivered = Delivered {
            channel: match message.channel {
                Channel::Email => "email",
                Channel::Sms => "sms",
            },
            to: message.to,
            subject: message.subject,
            text: message.text,
            at: self.clock.now(),
            code,
        };
        let mut kept = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(delivered.clone());
        // Nobody listening is fine.
        let _listeners = self.news.send(delivered);
    }
}

#[derive(Deserialize)]
struct Filter {
    to: Option<String>,
}

async fn list(State(outbox): State<Arc<Outbox>>, Query(filter): Query<Filter>) -> Json<Vec<Delivered>> {
    // A `+` that was not encoded arrives as a blank; no address begins with one.
    let to = filter.to.map(|to| if to.starts_with(' ') { to.replacen(' ', "+", 1) } else { to });
    Json(outbox.messages(to.as_deref()))
}

/// Services other than the user pool do not say which part of a text is the code.
fn code_in(text: &str) -> Option<String> {
    static CODE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?-u:\b)[0-9]{6,8}(?-u:\b)").ok());
    CODE.as_ref()?.find(text).map(|found| found.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use local_user_pool::ports::Outbox as _;
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    use super::*;
    use crate::ambient::MachineClock;

    fn sms(to: &str, text: &str) -> Message {
        Message { channel: Channel::Sms, to: to.to_owned(), subject: None, text: text.to_owned(), code: None }
    }

    async fn get_json(outbox: &Arc<Outbox>, path: &str) -> Value {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = outbox.router().oneshot(request).await.unwrap();
        serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn messages_are_listed_newest_last_and_filtered_by_address() {
        let outbox = Outbox::new(Arc::new(MachineClock));
        outbox.deliver(sms("+15550100", "Your code is 123456."));
        outbox.deliver(sms("+15550101", "A phone was removed."));
        outbox.deliver(sms("+15550100", "Your code is 654321."));
        let all = get_json(&outbox, "/outbox").await;
        assert_eq!(all.as_array().unwrap().len(), 3);
        assert_eq!(all[0]["channel"], "sms");
        assert_eq!(all[1].get("code"), None);
        for path in ["/outbox?to=%2B15550100", "/outbox?to=+15550100"] {
            let mine = get_json(&outbox, path).await;
            let codes: Vec<_> = mine.as_array().unwrap().iter().map(|message| &message["code"]).collect();
            assert_eq!(codes, [&json!("123456"), &json!("654321")], "{path}");
        }
        assert_eq!(get_json(&outbox, "/outbox?to=nobody").await, json!([]));
    }

    #[test]
    fn debug_shows_no_code() {
        let outbox = Outbox::new(Arc::new(MachineClock));
        outbox.deliver(sms("+15550100", "Your code is 123456."));
        assert!(!format!("{:?}", outbox.messages(None)).contains("123456"));
    }
}

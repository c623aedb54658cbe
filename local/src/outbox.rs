//! Every message that would have gone to a user, from whichever service it was sent.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use local_user_pool::ports::{self, Channel, Clock, Message};
use mail_parser::decoders::html::html_to_text;
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
        let text = readable(message.text);
        let code = message.code.or_else(|| code_in(&text));
        let delivered = Delivered {
            channel: match message.channel {
                Channel::Email => "email",
                Channel::Sms => "sms",
            },
            to: message.to,
            subject: message.subject,
            text,
            at: self.clock.now(),
            code,
        };
        let mut kept = self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(delivered.clone());
        // The channel may have no subscriber.
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

/// What is to be seen of a message in HTML, line by line: Cognito's own e-mails have no other part.
fn readable(text: String) -> String {
    let is_html = text.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("<!doctype"));
    if !is_html {
        return text;
    }
    // The padding that keeps a preview of the mailbox short is no text.
    let seen = html_to_text(&text).replace(['\u{34f}', '\u{2007}', '\u{feff}'], "");
    let lines = seen.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Services other than the user pool do not say which part of a text is the code. A last line
/// `@domain #code` does; else it is the first number of a code's length.
fn code_in(text: &str) -> Option<String> {
    static CODE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"\n@[^\s#]+ #(?<bound>\S+)\s*\z|(?-u:\b)(?<first>[0-9]{6,8})(?-u:\b)").ok()
    });
    let code = CODE.as_ref()?;
    let named = |name| code.captures_iter(text).find_map(|found| found.name(name));
    named("bound").or_else(|| named("first")).map(|found| found.as_str().to_owned())
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
        outbox.deliver(sms("+12025550100", "Your code is 123456."));
        outbox.deliver(sms("+12025550101", "A phone was removed."));
        outbox.deliver(sms("+12025550100", "Your code is 654321."));
        let all = get_json(&outbox, "/outbox").await;
        assert_eq!(all.as_array().unwrap().len(), 3);
        assert_eq!(all[0]["channel"], "sms");
        assert_eq!(all[1].get("code"), None);
        for path in ["/outbox?to=%2B12025550100", "/outbox?to=+12025550100"] {
            let mine = get_json(&outbox, path).await;
            let codes: Vec<_> = mine.as_array().unwrap().iter().map(|message| &message["code"]).collect();
            assert_eq!(codes, [&json!("123456"), &json!("654321")], "{path}");
        }
        assert_eq!(get_json(&outbox, "/outbox?to=nobody").await, json!([]));
    }

    #[test]
    fn html_is_shown_as_what_is_seen_of_it() {
        let html = "<!DOCTYPE html><html><head><title>x</title><style>.a { color: #112233 }</style></head>\
            <body style=\"color:#445566\"><div>Preview\u{2007}\u{feff}\u{34f} \u{2007}</div>\
            <p>Your code,&nbsp;&lt;Alex&gt;:</p>\n<p>123456</p></body></html>";
        let seen = readable(html.to_owned());
        assert_eq!(seen.lines().collect::<Vec<_>>(), ["Preview Your code, <Alex>:", "123456"]);
        assert_eq!(code_in(&seen).as_deref(), Some("123456"));
        assert_eq!(readable("a < b\n\n@c #1".to_owned()), "a < b\n\n@c #1");
    }

    #[test]
    fn the_code_is_found_in_its_text() {
        for (text, code) in [
            ("12345678 is your code.", Some("12345678")),
            ("Order 20260102: 4711 is your code.\n\n@example.com #4711", Some("4711")),
            ("123456 is your code.\n\n@login.example.com #123456", Some("123456")),
            ("Room #654321 @example.com\n123456 is your code.", Some("654321")),
            ("Tmp<9x>&Qz1! is your password.", None),
            ("Call +12025550123.", None),
        ] {
            assert_eq!(code_in(text).as_deref(), code, "{text}");
        }
    }

    #[test]
    fn debug_shows_no_code() {
        let outbox = Outbox::new(Arc::new(MachineClock));
        outbox.deliver(sms("+12025550100", "Your code is 123456."));
        assert!(!format!("{:?}", outbox.messages(None)).contains("123456"));
    }
}

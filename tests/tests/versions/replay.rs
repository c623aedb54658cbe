//! Replays recorded events through either version alone, each on the emptied table.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use end_to_end::rolling_deploy::{Mix, Version};
use serde_json::Value;
use tokio::time::sleep;

use super::outcome::{Outcome, Snapshot, plain};
use super::{Recorded, Road};

/// A function that functions call. The replayed functions call it again.
const CALLED_BY_FUNCTIONS: &str = "deliver";

/// The function that records a user's sign-ins by the second. So two of them are a second apart.
const RECORDS_SIGN_INS: &str = "pre-token-generation";

/// A recorded walk through both versions.
pub(crate) struct Replayed {
    /// The differences in the answers, messages and writes of the two versions.
    pub(crate) differences: BTreeSet<String>,
    pub(crate) events: usize,
    /// The number of events that the present version answered as recorded. The others contain something made
    /// from newly drawn values: a code of an authenticator app, a signature.
    pub(crate) as_recorded: usize,
}

pub(crate) async fn through_both(road: &Road, recorded: &Recorded) -> Replayed {
    let mut passes = Vec::new();
    for version in Version::BOTH {
        road.cloud.empty_table().await.unwrap();
        road.rolling_deploy.set(Mix::Only(version));
        passes.push(replay(road, recorded).await);
    }
    let [earlier, present] = &passes[..] else { unreachable!("one pass a version") };
    let differences = earlier.outcome.differences(&present.outcome);
    Replayed { differences, events: present.events, as_recorded: present.as_recorded }
}

struct Pass {
    outcome: Outcome,
    events: usize,
    as_recorded: usize,
}

async fn replay(road: &Road, recorded: &Recorded) -> Pass {
    let sent = async || {
        let mut sent = Vec::new();
        for address in recorded.user.addresses() {
            sent.push(road.cloud.outbox(&address).await.unwrap());
        }
        sent
    };
    let before = sent().await;
    let mut anew = Anew::default();
    let (mut lines, mut events, mut as_recorded) = (Vec::new(), 0, 0);
    for one in &recorded.served {
        if is_called_by_another(&one.function, recorded) {
            continue;
        }
        if one.function == RECORDS_SIGN_INS {
            sleep(Duration::from_secs(1)).await;
        }
        let answer = road.rolling_deploy.call(&one.function, &anew.put_into(&one.event)).await;
        road.rolling_deploy.served().await;
        events += 1;
        as_recorded += usize::from(one.answer.as_ref().map(plain) == answer.as_ref().map(plain));
        // A trigger returns the whole event, and may change only its response.
        let said = answer.as_ref().map(|answer| answer.get("response").unwrap_or(answer));
        lines.push(format!("{} answers {}", one.function, plain(said.unwrap_or(&Value::Null))));
        if let (Some(then), Some(now)) = (&one.answer, &answer) {
            anew.learn(then, now);
        }
        for (then, now) in before.iter().zip(sent().await) {
            // Replaces what was sent in the recording by what was sent now, in the same order.
            for (then, now) in then.iter().zip(now.iter().skip(then.len())) {
                anew.learn(&then["code"], &now["code"]);
            }
        }
    }
    for (then, now) in before.iter().zip(sent().await) {
        lines.extend(now.iter().skip(then.len()).map(|message| format!("message {}", plain(message))));
    }
    lines.extend(Snapshot::of(&road.cloud, road.cloud.table()).await.since(&Snapshot::default()));
    Pass { outcome: Outcome::of(lines), events, as_recorded }
}

/// Returns whether another function calls this one, and so calls it again in the replay.
fn is_called_by_another(function: &str, recorded: &Recorded) -> bool {
    let is_in_public = || recorded.served.iter().any(|one| one.function == "recovery-api");
    function == CALLED_BY_FUNCTIONS || function == "recovery-worker" && is_in_public()
}

/// Newly drawn values: ids, secrets, codes. They replace the recorded ones in later events.
#[derive(Debug, Default)]
struct Anew(BTreeMap<String, String>);

impl Anew {
    /// Learns the new values from two answers to the same event.
    fn learn(&mut self, then: &Value, now: &Value) {
        match (then, now) {
            (Value::String(then), Value::String(now)) => match (inner(then), inner(now)) {
                (Some(then), Some(now)) => self.learn(&then, &now),
                _ if then != now => drop(self.0.insert(then.clone(), now.clone())),
                _ => {}
            },
            (Value::Array(then), Value::Array(now)) => {
                then.iter().zip(now).for_each(|(then, now)| self.learn(then, now));
            }
            (Value::Object(then), Value::Object(now)) => {
                for (name, then) in then {
                    self.learn(then, now.get(name).unwrap_or(&Value::Null));
                }
            }
            _ => {}
        }
    }

    fn put_into(&self, event: &Value) -> Value {
        match event {
            Value::String(text) => match (self.0.get(text), inner(text)) {
                (Some(now), _) => now.clone().into(),
                (None, Some(inner)) => self.put_into(&inner).to_string().into(),
                (None, None) => self.put_into_text(text).into(),
            },
            Value::Array(values) => values.iter().map(|value| self.put_into(value)).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), self.put_into(value))).collect()
            }
            other => other.clone(),
        }
    }

    /// Replaces ids in paths and secrets in headers.
    fn put_into_text(&self, text: &str) -> String {
        const SHORTEST: usize = 16;
        let long = self.0.iter().filter(|(then, _)| then.len() >= SHORTEST);
        long.fold(text.to_owned(), |text, (then, now)| text.replace(then.as_str(), now))
    }
}

/// Returns the JSON in a text: bodies of requests and answers.
fn inner(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(|inner: &Value| inner.is_object() || inner.is_array())
}

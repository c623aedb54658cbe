//! The results of a journey, without values that always differ: ids, hashes, codes, times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use end_to_end::{Cloud, claims};
use regex::{Captures, Regex};
use serde_json::{Map, Value, json};

/// Larger numbers are times.
const LARGEST_COUNT: i64 = 1_000_000;

/// The items of a table at one time, by key.
#[derive(Default)]
pub(crate) struct Snapshot(BTreeMap<String, Value>);

impl Snapshot {
    pub(crate) async fn of(cloud: &Cloud, table: &str) -> Self {
        let items = cloud.items(table).await.unwrap().into_iter();
        Self(items.map(|item| (format!("{} {}", item["pk"], item["sk"]), item)).collect())
    }

    /// Returns each item's key.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Value> {
        self.0.values().map(|item| json!({ "pk": item["pk"], "sk": item["sk"] }))
    }

    /// Returns the keys, without values that always differ, of items that lack an attribute.
    pub(crate) fn without(&self, attribute: &str) -> BTreeSet<String> {
        let without = self.0.values().filter(|item| item.get(attribute).is_none());
        without.map(|item| plain(&json!([item["pk"]["S"], item["sk"]["S"]])).to_string()).collect()
    }

    /// Returns the items that also existed before.
    pub(crate) fn kept_since(mut self, before: &Self) -> Self {
        self.0.retain(|key, _| before.0.contains_key(key));
        self
    }

    /// Returns a line for each item that was written or removed since.
    pub(crate) fn since(&self, before: &Self) -> Vec<String> {
        let written = self.0.iter().filter_map(|(key, item)| {
            let earlier = before.0.get(key);
            (earlier != Some(item)).then(|| row(item, earlier))
        });
        let written = whole(written).into_iter().map(|row| format!("item {}", Value::Object(row)));
        let gone = before.0.iter().filter(|(key, _)| !self.0.contains_key(*key));
        let gone = gone.map(|(_, item)| format!("gone {}", Value::Object(row(item, None))));
        written.chain(gone).collect()
    }
}

/// Lines, each about one distinct fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome(BTreeSet<String>);

impl Outcome {
    /// Builds an outcome. Repeated lines get a number.
    pub(crate) fn of(lines: Vec<String>) -> Self {
        let mut counts = BTreeMap::<String, u32>::new();
        let numbered = lines.into_iter().map(|line| {
            let count = counts.entry(line.clone()).or_default();
            *count += 1;
            if *count == 1 { line } else { format!("{line} (no. {count})") }
        });
        Self(numbered.collect())
    }

    /// Returns the lines that only one of the two has.
    pub(crate) fn differences(&self, other: &Self) -> BTreeSet<String> {
        let minus = self.0.difference(&other.0).map(|line| format!("- {line}"));
        minus.chain(other.0.difference(&self.0).map(|line| format!("+ {line}"))).collect()
    }

    /// Returns the lines that neither has, and the lines that both have and this one lacks.
    pub(crate) fn strange_to(&self, one: &Self, other: &Self) -> BTreeSet<String> {
        let strange = self.0.iter().filter(|line| !one.0.contains(*line) && !other.0.contains(*line));
        let missing = one.0.intersection(&other.0).filter(|line| !self.0.contains(*line));
        let strange = strange.map(|line| format!("+ {line}"));
        strange.chain(missing.map(|line| format!("- {line}"))).collect()
    }
}

/// Returns an item as key, names and types. Numbers are given as their growth, so that shared counters show
/// only what this journey added.
fn row(item: &Value, earlier: Option<&Value>) -> Map<String, Value> {
    let mut row = Map::new();
    for (name, attribute) in item.as_object().unwrap() {
        let value = match (name.as_str(), attribute["N"].as_str()) {
            // These numbers are not counted as growth.
            ("pk" | "sk" | "v", _) => plain(attribute),
            (_, Some(number)) => {
                let now: i64 = number.parse().unwrap();
                let was = earlier
                    .and_then(|earlier| earlier[name]["N"].as_str())
                    .map_or(0, |was| was.parse().unwrap());
                if now > LARGEST_COUNT { json!({ "N": "time" }) } else { json!({ "N": now - was }) }
            }
            _ => plain(attribute),
        };
        add(&mut row, of_any_hour(name), value);
    }
    row.sort_keys();
    row
}

/// Merges rows of the same counter, because a journey may begin in one minute and end in the next.
fn whole(rows: impl Iterator<Item = Map<String, Value>>) -> Vec<Map<String, Value>> {
    let mut whole: Vec<Map<_, _>> = Vec::new();
    for row in rows {
        let is_counter = [json!("CALLS#<digits>"), json!("<time>")].contains(&row["sk"]["S"]);
        let same =
            whole.iter_mut().find(|one| is_counter && one["pk"] == row["pk"] && one["sk"] == row["sk"]);
        match same {
            Some(same) => row.into_iter().for_each(|(name, value)| add(same, name, value)),
            None => whole.push(row),
        }
    }
    whole
}

/// Puts an attribute into a row. The growth of a number that is already there is added.
fn add(row: &mut Map<String, Value>, name: String, mut value: Value) {
    if let (Some(more), Some(grown)) = (value["N"].as_i64(), row.get(&name).and_then(|one| one["N"].as_i64()))
    {
        value = json!({ "N": grown + more });
    }
    row.insert(name, value);
}

/// Returns the name of an attribute. A counter of an hour gets the same name for every hour.
fn of_any_hour(name: &str) -> String {
    let hour =
        name.strip_prefix("oh").or_else(|| name.strip_prefix('h')).filter(|rest| rest.parse::<u8>().is_ok());
    hour.map_or_else(|| name.to_owned(), |hour| name.replace(hour, "HOUR"))
}

/// Returns a value without parts that always differ.
pub(crate) fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) => match claims(text) {
            Ok(claims) => plain(&claims),
            Err(_) => match serde_json::from_str(text) {
                Ok(inner @ (Value::Object(_) | Value::Array(_))) => plain(&inner),
                _ => plain_text(text).into(),
            },
        },
        Value::Number(number) if number.as_f64().is_some_and(|number| number > 1e6) => "time".into(),
        Value::Array(values) => values.iter().map(plain).collect(),
        Value::Object(members) => {
            let mut all = Map::new();
            for (name, value) in members {
                let mut name = plain_text(name);
                // The value has ids of several kinds.
                while all.contains_key(&name) {
                    name.push('\'');
                }
                all.insert(name, plain(value));
            }
            all.sort_keys();
            Value::Object(all)
        }
        _ => value.clone(),
    }
}

fn plain_text(text: &str) -> String {
    static BY_NATURE: LazyLock<[(Regex, &str); 8]> = LazyLock::new(|| {
        [
            // The path that draws a QR code.
            (r"M\d[\dMhvz -]{40,}", "<drawing>"),
            (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<id>"),
            (r"\d{4}-\d\d-\d\d([T ][\d:.]+(Z| UTC))?", "<time>"),
            (r"user-\d+@", "user@"),
            // The name of a device group.
            (r"^-[A-Za-z0-9]{8}$", "<text>"),
            // A write token: a random number of up to 20 digits.
            (r"^\d{11,15}$", "<text>"),
            (r"[A-Za-z0-9+/_=-]{16,}", "<text>"),
            (r"^\d\d$|\d{3,}", "<digits>"),
        ]
        .map(|(pattern, name)| (Regex::new(pattern).unwrap(), name))
    });
    static WORDS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("^([A-Za-z][a-z]{2,}[-_]?)+$|^[A-Z]+(_[A-Z]+)+$").unwrap());
    BY_NATURE.iter().fold(text.to_owned(), |text, (pattern, name)| {
        let without = |found: &Captures<'_>| {
            if WORDS.is_match(&found[0]) { found[0].to_owned() } else { (*name).to_owned() }
        };
        pattern.replace_all(&text, without).into_owned()
    })
}

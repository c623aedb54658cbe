use libfuzzer_sys::fuzzer_mutate;
use serde_json::{Value, json};

/// Mutates one value of one line's JSON, or the lines. Every third time it mutates bytes. Bytes alone would
/// mostly produce invalid JSON.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut dice = Dice(u64::from(seed) ^ 0x9e37_79b9_7f4a_7c15);
    let changed = match std::str::from_utf8(&data[..size]) {
        Ok(text) if dice.below(3) > 0 => change(text, &mut dice),
        _ => None,
    };
    match changed {
        Some(text) if text.len() <= max_size => {
            data[..text.len()].copy_from_slice(text.as_bytes());
            text.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
}

/// `SplitMix64`. libFuzzer requires the same sequence for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(sides.max(1)).unwrap_or(1))
            .unwrap_or_default()
    }
}

fn change(text: &str, dice: &mut Dice) -> Option<String> {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let at = dice.below(lines.len());
    match dice.below(8) {
        0 if lines.len() > 1 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[at].clone()),
        2 => {
            let other = dice.below(lines.len());
            lines.swap(at, other);
        }
        _ => {
            let line = &lines[at];
            let (before, body) = line.split_at(line.find('{')?);
            let mut value: Value = serde_json::from_str(body).ok()?;
            let place = dice.below(count(&value));
            let known = value.clone();
            change_at(&mut value, &mut { place }, dice, &known);
            lines[at] = format!("{before}{value}");
        }
    }
    Some(lines.join("\n"))
}

/// Returns the number of values in `value`, including itself.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

fn nth<'a>(value: &'a Value, place: &mut usize) -> Option<&'a Value> {
    if *place == 0 {
        return Some(value);
    }
    *place -= 1;
    match value {
        Value::Array(items) => items.iter().find_map(|item| nth(item, place)),
        Value::Object(members) => members.values().find_map(|member| nth(member, place)),
        _ => None,
    }
}

fn change_at(value: &mut Value, place: &mut usize, dice: &mut Dice, known: &Value) -> bool {
    if *place == 0 {
        change_value(value, dice, known);
        return true;
    }
    *place -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| change_at(item, place, dice, known)),
        Value::Object(members) => members.values_mut().any(|member| change_at(member, place, dice, known)),
        _ => false,
    }
}

fn change_value(value: &mut Value, dice: &mut Dice, known: &Value) {
    match (dice.below(6), &mut *value) {
        (0, Value::Object(members)) if !members.is_empty() => {
            let name = members.keys().nth(dice.below(members.len())).cloned().unwrap_or_default();
            members.remove(&name);
        }
        (1, Value::Object(members)) => {
            let other = nth(known, &mut { dice.below(count(known)) }).cloned().unwrap_or_default();
            let name = match &other {
                Value::String(text) => text.clone(),
                _ => "x".to_owned(),
            };
            members.insert(name, other);
        }
        (0, Value::Array(items)) if !items.is_empty() => drop(items.remove(dice.below(items.len()))),
        (1 | 2, Value::Array(items)) if !items.is_empty() => {
            let item = items[dice.below(items.len())].clone();
            items.insert(dice.below(items.len() + 1), item);
        }
        (0..=3, Value::String(text)) => *text = changed_text(text),
        (4, _) => *value = nth(known, &mut { dice.below(count(known)) }).cloned().unwrap_or_default(),
        _ => *value = other(dice),
    }
}

fn changed_text(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let (size, room) = (bytes.len(), bytes.len() + 64);
    bytes.resize(room, 0);
    let size = fuzzer_mutate(&mut bytes, size, room);
    String::from_utf8_lossy(&bytes[..size.min(room)]).into_owned()
}

/// Returns a value that is often at the limit of valid input.
fn other(dice: &mut Dice) -> Value {
    let values = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(""),
        json!(" "),
        json!("true"),
        json!("0"),
        json!("123456"),
        json!("\u{0}"),
        json!("\u{202e}e\u{301}"),
        json!("a".repeat(2_049)),
        json!([]),
        json!({}),
        json!([null]),
        json!([[], {}]),
        json!({"": ""}),
    ];
    values[dice.below(values.len())].clone()
}

//! The aims, beside the measured figures.

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Serialize)]
pub(crate) struct Aim {
    text: &'static str,
    seen: String,
    met: bool,
}

/// Functions whose first answer needs no AWS client.
const WITHOUT_CLIENTS: [&str; 1] = ["custom-message"];
const OURS: &str = "custom-sms-sender";
const PEER: &str = "Node, packages";

pub(crate) fn aims(init: &Value, senders: &Value, calls: &Value, load: &Value) -> Result<Vec<Aim>> {
    let functions = |figure: &str| -> Vec<(&str, f64)> {
        ours(init)
            .filter(|(name, _)| *name != "echo")
            .filter_map(|(name, row)| Some((name, row.get(figure)?.as_f64()?)))
            .collect()
    };
    let (without, with): (Vec<_>, Vec<_>) =
        functions("coldCpuToEcho").into_iter().partition(|(name, _)| WITHOUT_CLIENTS.contains(name));
    let sender = |name: &str, figure: &str| -> Result<f64> {
        let row = rows(senders).find(|row| row.get("sender").and_then(Value::as_str) == Some(name));
        row.and_then(|row| row.get(figure)?.as_f64()).with_context(|| format!("no {figure} of {name}"))
    };
    let number = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_f64);
    let overview = number(calls, "/latency/GET ~1mfa/p99").context("no latency")?;
    let preference = number(calls, "/latency/GET ~1mfa~1preference/p99").context("no latency")?;
    let bad = |name: &str| -> f64 {
        ["closed", "open"].iter().filter_map(|span| number(load, &format!("/{span}/{name}"))).sum()
    };
    let growth = ["closed", "open"]
        .iter()
        .filter_map(|span| load.pointer(&format!("/{span}/growth"))?.as_object())
        .flat_map(|functions| functions.values().filter_map(|one| one.get("growth")?.as_f64()))
        .fold(f64::NEG_INFINITY, f64::max);
    let (cold_ours, cold_peer) = (sender(OURS, "coldCpuToEcho")?, sender(PEER, "coldCpuToOurs")?);
    let (warm_ours, memory) = (sender(OURS, "warmCpuMs")?, sender(PEER, "peakToOurs")?);
    Ok(vec![
        all_below("Cold CPU of functions without AWS clients ≤ 1.5 × the echo", &without, 1.5),
        all_below("Cold CPU of functions with AWS clients ≤ 2.5 × the echo", &with, 2.5),
        all_below(
            "Warm p99 besides network, as CPU time: ≤ 3 × the echo",
            &functions("warmCpuP99ToEcho"),
            3.0,
        ),
        Aim::new(
            "A sender that sends: cold CPU ≤ 3 × the echo",
            format!("{cold_ours:.1} ×"),
            cold_ours <= 3.0,
        ),
        Aim::new("A sender that sends: warm CPU ≤ 1.5 ms", format!("{warm_ours:.2} ms"), warm_ours <= 1.5),
        Aim::new("Node.js sender: ≥ 50 × our cold CPU", format!("{cold_peer:.1} ×"), cold_peer >= 50.0),
        Aim::new("Node.js sender: ≥ 8 × our memory", format!("{memory:.1} ×"), memory >= 8.0),
        Aim::new(
            "Overview and preference p99 ≤ 10 ms at the local gateway, the pool's calls included",
            format!("{overview:.1} and {preference:.1} ms"),
            overview.max(preference) <= 10.0,
        ),
        Aim::new(
            "Load: no errors, no lost messages, no dead letters",
            format!("{}, {}, {}", bad("errors"), bad("lostMessages"), bad("deadLetters")),
            bad("errors") + bad("lostMessages") + bad("deadLetters") == 0.0,
        ),
        Aim::new(
            "Load: memory of each function within 5 % over the second half",
            format!("at most {:+.1} %", growth * 100.0),
            growth <= 0.05,
        ),
    ])
}

impl Aim {
    fn new(text: &'static str, seen: String, met: bool) -> Self {
        Self { text, seen, met }
    }
}

fn all_below(text: &'static str, seen: &[(&str, f64)], limit: f64) -> Aim {
    let above: Vec<_> = seen.iter().filter(|(_, ratio)| *ratio > limit).collect();
    let named = above.iter().map(|(name, ratio)| format!("{name} {ratio:.1}")).collect::<Vec<_>>().join(", ");
    let largest = seen.iter().map(|(_, ratio)| *ratio).fold(f64::NAN, f64::max);
    let seen = format!("{} of {} within; largest {largest:.1}", seen.len() - above.len(), seen.len());
    if above.is_empty() {
        Aim::new(text, seen, true)
    } else {
        Aim::new(text, format!("{seen}; above: {named}"), false)
    }
}

/// Returns the functions as they are deployed, by name.
pub(crate) fn ours(init: &Value) -> impl Iterator<Item = (&str, &Value)> {
    rows(init)
        .filter(|row| row.get("build").and_then(Value::as_str) == Some("release"))
        .filter_map(|row| Some((row.get("function")?.as_str()?, row)))
}

pub(crate) fn rows(figures: &Value) -> impl Iterator<Item = &Value> {
    figures.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_above_an_aim_is_missed_and_named() {
        let aim = all_below("cold", &[("a", 2.4), ("b", 2.6)], 2.5);
        assert_eq!((aim.met, aim.seen.as_str()), (false, "1 of 2 within; largest 2.6; above: b 2.6"));
        assert!(all_below("cold", &[("a", 2.4)], 2.5).met);
    }

    #[test]
    fn one_error_misses_the_load_aim() {
        let init = json!([
            { "build": "release", "function": "deliver", "coldCpuToEcho": 2.0, "warmCpuP99ToEcho": 2.9 },
            { "build": "release", "function": "custom-message", "coldCpuToEcho": 1.4, "warmCpuP99ToEcho": 1.4 },
            { "build": "release", "function": "echo", "coldCpuToEcho": 1.0, "warmCpuP99ToEcho": 9.9 },
        ]);
        let sender = |name| json!({ "sender": name, "coldCpuToEcho": 2.0, "coldCpuToOurs": 60.0, "warmCpuMs": 1.0, "peakToOurs": 9.0 });
        let senders = json!([sender(OURS), sender(PEER)]);
        let calls =
            json!({ "latency": { "GET /mfa": { "p99": 9.0 }, "GET /mfa/preference": { "p99": 11.0 } } });
        let span = |errors| json!({ "errors": errors, "lostMessages": 0, "deadLetters": 0, "growth": { "deliver": { "growth": 0.01 } } });
        let missed = |errors| {
            let load = json!({ "closed": span(0), "open": span(errors) });
            let aims = aims(&init, &senders, &calls, &load).unwrap();
            aims.iter().filter(|aim| !aim.met).map(|aim| aim.text).collect::<Vec<_>>()
        };
        assert_eq!(missed(0).len(), 1, "the preference's p99");
        assert!(missed(1).iter().any(|text| text.starts_with("Load: no errors")));
    }
}

//! Lambda's price for the same invocations of our functions and of their alternatives.
//!
//! All functions have the memory of our template, and so a part of a processor. Lambda bills INIT for custom
//! runtimes, and since August 2025 for its own runtimes. We take INIT as measured, with a whole processor. That
//! favours functions that start slowly.

use anyhow::{Context as _, Result, ensure};
use bench::prices::Prices;
use serde::Serialize;
use serde_json::Value;

use crate::aims::rows;

/// The invocations of one passage of a flow, each the given number of times.
type Invocations<'a> = &'a [(&'a Value, u32)];

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bill {
    flow: &'static str,
    whose: &'static str,
    /// The largest peak of its functions.
    peak_mib: f64,
    /// The bill of the whole flow.
    warm: Billed,
    /// The bill of the whole flow if no environment exists before.
    cold: Billed,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Billed {
    milliseconds: f64,
    gigabyte_seconds_per1000: f64,
    dollars_per1000: f64,
}

/// The functions of a custom sign-in with one challenge: the first decides twice.
const CUSTOM_SIGN_IN: [(&str, u32); 3] =
    [("define-auth-challenge", 2), ("create-auth-challenge", 1), ("verify-auth-challenge-response", 1)];
const PRE_AUTHENTICATION: [(&str, u32); 1] = [("pre-authentication", 1)];
const OURS: &str = "ours";
const PEER: &str = "Node.js";

pub(crate) fn bills(init: &Value, senders: &Value, prices: &Prices) -> Result<Vec<Bill>> {
    let mut bills = Vec::new();
    let flows: [(_, &[(&str, u32)]); 2] = [
        ("custom sign-in, its three triggers", &CUSTOM_SIGN_IN),
        ("pre-authentication", &PRE_AUTHENTICATION),
    ];
    for (flow, functions) in flows {
        for (whose, build) in [(OURS, "release"), (PEER, "Node.js")] {
            let invocations = functions
                .iter()
                .map(|(function, times)| {
                    let row = rows(init).find(|row| {
                        row.get("build").and_then(Value::as_str) == Some(build)
                            && row.get("function").and_then(Value::as_str) == Some(function)
                    });
                    Ok((row.with_context(|| format!("no {function} of {build}"))?, *times))
                })
                .collect::<Result<Vec<_>>>()?;
            bills.push(bill(flow, whose, &invocations, prices)?);
        }
    }
    for (whose, sender) in [(OURS, "custom-sms-sender"), (PEER, "Node, bundled")] {
        let row = rows(senders).find(|row| row.get("sender").and_then(Value::as_str) == Some(sender));
        let row = row.with_context(|| format!("no {sender}"))?;
        bills.push(bill("a code, sent", whose, &[(row, 1)], prices)?);
    }
    Ok(bills)
}

fn bill(
    flow: &'static str,
    whose: &'static str,
    invocations: Invocations<'_>,
    prices: &Prices,
) -> Result<Bill> {
    let (mut peak_mib, mut warm, mut cold, mut requests) = (0.0_f64, 0.0, 0.0, 0.0);
    for (row, times) in invocations {
        let figure =
            |name: &str| row.get(name).and_then(Value::as_f64).with_context(|| format!("{flow}: no {name}"));
        let billed = |cpu: &str, calls: &str| anyhow::Ok(prices.billed_ms(figure(cpu)?, figure(calls)?));
        let times = f64::from(*times);
        // Each is rounded up to a whole millisecond.
        let one_warm = billed("warmCpuMs", "warmCalls")?.ceil();
        let one_cold = (figure("initMs")? + billed("firstCpuMs", "firstCalls")?).ceil();
        peak_mib = peak_mib.max(figure("peakMiB")?);
        warm += times * one_warm;
        cold += one_cold + (times - 1.0) * one_warm;
        requests += times;
    }
    let memory = prices.function_memory_mib;
    ensure!(peak_mib < memory, "{flow}: {peak_mib:.0} MiB do not fit in {memory:.0}");
    let billed = |milliseconds: f64| {
        let gigabyte_seconds = prices.gigabyte_seconds(milliseconds);
        let dollars = gigabyte_seconds * prices.lambda_gb_second + requests * prices.lambda_request;
        Billed {
            milliseconds,
            gigabyte_seconds_per1000: gigabyte_seconds * 1_000.0,
            dollars_per1000: dollars * 1_000.0,
        }
    };
    Ok(Bill { flow, whose, peak_mib, warm: billed(warm), cold: billed(cold) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn prices() -> Prices {
        Prices {
            lambda_request: 0.000_000_2,
            lambda_gb_second: 0.000_01,
            function_memory_mib: 256.0,
            full_cpu_mib: 1_024.0,
            call_ms: 6.0,
            ..Prices::read().unwrap()
        }
    }

    fn row() -> Value {
        json!({
            "initMs": 3.2, "firstCpuMs": 1.0, "firstCalls": 2.0, "warmCpuMs": 0.3, "warmCalls": 1.0,
            "peakMiB": 8.0,
        })
    }

    #[test]
    fn invocations_are_rounded_up_and_only_the_first_is_cold() {
        let bill = bill("sign-in", OURS, &[(&row(), 2)], &prices()).unwrap();
        // Warm 0.3 × 4 + 6 = 7.2; cold 3.2 + 1 × 4 + 12 = 19.2.
        assert_eq!((bill.warm.milliseconds, bill.cold.milliseconds), (16.0, 28.0));
        assert!((bill.warm.gigabyte_seconds_per1000 - 4.0).abs() < 1e-9, "{bill:?}");
        assert!((bill.warm.dollars_per1000 - (4.0 * 0.000_01 + 2_000.0 * 0.000_000_2)).abs() < 1e-9);
    }

    #[test]
    fn what_does_not_fit_in_the_memory_has_no_bill() {
        let mut large = row();
        large["peakMiB"] = json!(300.0);
        bill("sign-in", PEER, &[(&large, 1)], &prices()).unwrap_err();
    }
}

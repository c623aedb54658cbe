//! AWS's prices, from the list in `bench/prices.toml`.

use std::fs;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use end_to_end::workspace;

/// US dollars, and the assumptions of the bill's formula.
#[derive(Debug, Clone, Deserialize)]
pub struct Prices {
    pub lambda_request: f64,
    pub lambda_gb_second: f64,
    pub dynamodb_read_unit: f64,
    pub dynamodb_write_unit: f64,
    pub kms_request: f64,
    pub api_request: f64,
    pub function_memory_mib: f64,
    pub full_cpu_mib: f64,
    pub call_ms: f64,
}

impl Prices {
    /// Reads the workspace's list.
    pub fn read() -> Result<Self> {
        let path = workspace().join("bench/prices.toml");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }

    /// Returns the billed time of a function with the template's memory. It has that memory's share of a
    /// processor, and waits for each call of AWS.
    pub fn billed_ms(&self, cpu_ms: f64, calls: f64) -> f64 {
        cpu_ms * self.full_cpu_mib / self.function_memory_mib + calls * self.call_ms
    }

    /// Converts billed milliseconds to gigabyte seconds with the template's memory.
    pub fn gigabyte_seconds(&self, billed_ms: f64) -> f64 {
        billed_ms / 1_000.0 * self.function_memory_mib / 1_024.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_of_less_memory_computes_longer_and_waits_as_long() {
        let prices = Prices { full_cpu_mib: 1_769.0, call_ms: 6.0, ..Prices::read().unwrap() };
        let of = |function_memory_mib| Prices { function_memory_mib, ..prices.clone() }.billed_ms(2.0, 3.0);
        assert_eq!((of(1_769.0), of(884.5)), (2.0 + 18.0, 4.0 + 18.0));
    }
}

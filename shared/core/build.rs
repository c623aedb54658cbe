//! Turns the compiled-in `policy.toml` into JSON.
//!
//! Operators read the TOML, with its comments; a function only needs the values, at every start.

use std::{env, error::Error, fs, path::Path};

const POLICY: &str = "src/config/policy/policy.toml";

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script by its environment only")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={POLICY}");
    let policy: toml::Table = toml::from_str(&fs::read_to_string(POLICY)?)?;
    let out = env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?;
    fs::write(Path::new(&out).join("policy.json"), serde_json::to_vec(&policy)?)?;
    Ok(())
}

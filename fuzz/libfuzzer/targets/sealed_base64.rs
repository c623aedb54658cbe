//! Fuzzes the text of a sealed code (`fuzz/inputs`).

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| hostile_input::sealed_base64(bytes));

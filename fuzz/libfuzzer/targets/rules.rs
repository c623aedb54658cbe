//! Fuzzes the text of an operator's rules file (`fuzz/inputs`).

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| hostile_input::rules(bytes));

//! Any text as a file of an operator's rules: `tests/hostile`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| hostile_input::rules(bytes));

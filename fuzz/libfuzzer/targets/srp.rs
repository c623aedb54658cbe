//! Fuzzes the parameters of a sign-in by SRP (`fuzz/inputs`).

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| hostile_input::srp(bytes));

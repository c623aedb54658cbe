//! Fuzzes the events of the triggers (`fuzz/inputs`). It mutates values of their JSON as well as bytes.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};

mod json;

fuzz_target!(|bytes: &[u8]| hostile_input::trigger_events(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    json::mutate(data, size, max_size, seed)
});

//! Fuzzes calls of the local pool (`fuzz/inputs`). It mutates values of their JSON as well as bytes.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};

mod json;

fuzz_target!(|bytes: &[u8]| hostile_input::pool_wire(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    json::mutate(data, size, max_size, seed)
});

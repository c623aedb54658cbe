//! Any text as a sealed code: what stands in `request.code` before anything is decoded.

#![no_main]

use libfuzzer_sys::fuzz_target;

mod reader;

fuzz_target!(|text: &str| reader::only_samples_open(text));

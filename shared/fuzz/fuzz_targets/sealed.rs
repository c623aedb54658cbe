//! Any bytes as a sealed code. The keys of the samples are all there, so that whatever verifies the
//! message is reached: nothing but the samples themselves may open.

#![no_main]

use data_encoding::BASE64;
use libfuzzer_sys::fuzz_target;

mod reader;

fuzz_target!(|bytes: &[u8]| reader::only_samples_open(&BASE64.encode(bytes)));

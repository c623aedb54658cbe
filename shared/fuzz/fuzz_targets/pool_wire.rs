//! Any operation with any input at the local pool's wire protocol: the operation's name, then JSON, in which
//! POOL and CLIENT stand for those that are there. Nothing panics and nothing is an internal error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use local_user_pool::ErrorCode;
use serde_json::Value;

mod pool;

fuzz_target!(|text: &str| {
    let stage = &*pool::STAGE;
    let (operation, input) = text.split_once('\n').unwrap_or((text, "{}"));
    let input = input.replace("POOL", &stage.pool).replace("CLIENT", &stage.client);
    // It is parsed before an operation sees it, and must be an object.
    let Ok(input @ Value::Object(_)) = serde_json::from_str(&input) else { return };
    // The stage is there for the next input too.
    if operation.starts_with("DeleteUserPool") {
        return;
    }
    if let Err(fault) = stage.runtime.block_on(stage.pools.call(operation, input)) {
        assert!(fault.code != ErrorCode::InternalError, "{fault}: {text}");
    }
});

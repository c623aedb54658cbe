//! Any parameters in an SRP sign-in of the local pool: SRP_A, then the claim, the secret block and the time, a
//! line each. Nothing panics, nothing is an internal error, and nobody signs in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use local_user_pool::ErrorCode;
use serde_json::{Value, json};

mod pool;

fuzz_target!(|text: &str| {
    let stage = &*pool::STAGE;
    let call = |operation: &str, input: Value| {
        let answered = stage.runtime.block_on(stage.pools.call(operation, input));
        if let Err(fault) = &answered {
            assert!(fault.code != ErrorCode::InternalError, "{fault}: {text}");
        }
        answered.ok()
    };
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    // With a right A where the line is empty: whatever is behind it is reached.
    let srp_a = Some(line()).filter(|line| !line.is_empty()).unwrap_or("2f");
    let begin = json!({
        "ClientId": stage.client, "AuthFlow": "USER_SRP_AUTH",
        "AuthParameters": { "USERNAME": "alex", "SRP_A": srp_a },
    });
    let Some(challenge) = call("InitiateAuth", begin) else { return };
    let own = challenge["ChallengeParameters"]["SECRET_BLOCK"].as_str().unwrap_or_default();
    let (signature, block, at) = (line(), line(), line());
    let answer = json!({
        "ClientId": stage.client, "ChallengeName": "PASSWORD_VERIFIER", "Session": challenge["Session"],
        "ChallengeResponses": {
            "USERNAME": "alex", "PASSWORD_CLAIM_SIGNATURE": signature,
            "PASSWORD_CLAIM_SECRET_BLOCK": if block.is_empty() { own } else { block },
            "TIMESTAMP": if at.is_empty() { "Fri Jan 2 03:04:05 UTC 2026" } else { at },
        },
    });
    let answered = call("RespondToAuthChallenge", answer);
    assert!(answered.is_none(), "somebody got on without the password: {text}");
});

//! A host whose function is busy for ever, to be killed by a test. Prints the function's process id.

use local_lambda_host::{FunctionSpec, LambdaHost};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut spec = FunctionSpec::new("obedient", std::env::current_exe()?.with_file_name("obedient"));
    spec.timeout = std::time::Duration::from_mins(15);
    let host = LambdaHost::start(vec![spec])?;
    let answer = host.invoke("obedient", &json!({})).await?.json().unwrap_or_default();
    let spinning = json!({ "print": "spinning", "spin": 1 });
    let busy = host.invoke("obedient", &spinning);
    let announce = async {
        let _line = host.find_log("obedient", |line| line == "spinning").await;
        #[expect(clippy::print_stdout, reason = "how the test learns the process id")]
        {
            println!("{}", answer.get("pid").and_then(Value::as_u64).unwrap_or_default());
        }
    };
    let (busy, ()) = tokio::join!(busy, announce);
    busy?;
    Ok(())
}

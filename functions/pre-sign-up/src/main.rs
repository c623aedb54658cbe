//! Pre sign-up trigger: decides who may sign up. No AWS client.

use shared::{
    config::{self, process_environment},
    telemetry,
    trigger::{PreSignUp, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (level, policy) =
        config::load(&process_environment, |environment| (telemetry::log_level(environment), environment.policy()))?;
    telemetry::start(level);
    serve(PreSignUp::new(policy.sign_up)).await
}

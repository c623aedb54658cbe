//! Pre sign-up trigger: decides who may sign up. No AWS client.

use shared::{
    config::Environment,
    init,
    trigger::{PreSignUp, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let policy = init(Environment::policy)?;
    serve(PreSignUp::new(policy.sign_up)).await
}

//! Pre sign-up trigger: decides who may sign up. No AWS client.

use shared::{
    init,
    trigger::{PreSignUp, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let policy = init(|environment| environment.policy())?;
    serve(PreSignUp::new(policy.sign_up)).await
}

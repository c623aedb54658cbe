//! Pre sign-up trigger: decides who may sign up. No AWS client.

use shared::{
    init,
    trigger::{PreSignUp, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let sign_up = init(|environment| environment.policy().sign_up)?;
    serve(PreSignUp::new(sign_up)).await
}

//! Custom message trigger: words the messages that Cognito itself sends. It has no AWS client.

use mfa_core::{
    delivery::message::Messages,
    init,
    trigger::{CustomMessage, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let messages = init(Messages::read)?;
    serve(CustomMessage::new(messages)).await
}

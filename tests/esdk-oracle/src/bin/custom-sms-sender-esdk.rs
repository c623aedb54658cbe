use esdk_oracle::{Official, Settings, serve};
use lambda_runtime::Error;

/// Runs on several threads. On one thread the SDK would start another runtime for each call of KMS, and look
/// slower than it is.
#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    let reader = Official::new(settings.kms()?, &settings.key_arn, &settings.user_pool_id).await?;
    serve(&settings, reader).await
}

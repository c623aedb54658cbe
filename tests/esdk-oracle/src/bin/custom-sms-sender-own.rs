use esdk_oracle::{Kms, Own, Settings, serve};
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    let reader = Own::new(Kms(settings.kms()?), &settings.key_arn, &settings.user_pool_id);
    serve(&settings, reader).await
}

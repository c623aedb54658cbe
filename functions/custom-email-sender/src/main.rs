//! Custom e-mail sender trigger: opens Cognito's sealed code and sends it, once.

use std::sync::Arc;

use mfa_aws::{Aws, AwsSettings, Directory, EmailSettings, delivery_dependencies, email_providers};
use mfa_core::{
    config::RecoveryClient,
    delivery::{ChannelProviders, SenderSettings, provider_chain::ProviderChain},
    init,
    trigger::{CustomSender, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (settings, email, recovery, aws) = init(|environment| {
        let (settings, email) = (SenderSettings::read(environment), EmailSettings::read(environment));
        (settings, email, RecoveryClient::read(environment), AwsSettings::read(environment))
    })?;
    let aws = Aws::new(aws)?;
    let mut dependencies = delivery_dependencies(&aws);
    dependencies.addresses = Some(Arc::new(Directory::new(&aws, &settings.user_pool_id)));
    let providers = email_providers(&aws, &email, &settings.policy.delivery);
    let chain =
        ProviderChain::new(providers, settings.policy.delivery.email.clone(), dependencies.entropy.clone());
    let sender = settings.sender(dependencies, ChannelProviders::Email(chain));
    serve(CustomSender::new(sender).with_recovery_client(recovery)).await
}

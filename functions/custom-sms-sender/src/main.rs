//! Custom SMS sender trigger: opens Cognito's sealed code and sends it, once.

use mfa_aws::{Aws, AwsSettings, SmsSettings, delivery_dependencies, sms_providers};
use mfa_core::{
    config::RecoveryClient,
    delivery::{ChannelProviders, SenderSettings, provider_chain::ProviderChain},
    init,
    trigger::{CustomSender, serve},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let (settings, sms, recovery, aws) = init(|environment| {
        let (settings, sms) = (SenderSettings::read(environment), SmsSettings::read(environment));
        (settings, sms, RecoveryClient::read(environment), AwsSettings::read(environment))
    })?;
    let aws = Aws::new(aws)?;
    let dependencies = delivery_dependencies(&aws);
    let providers = sms_providers(&aws, &sms, &settings.policy.delivery);
    let chain =
        ProviderChain::new(providers, settings.policy.delivery.sms.clone(), dependencies.entropy.clone());
    serve(
        CustomSender::new(settings.sender(dependencies, ChannelProviders::Sms(chain)))
            .with_recovery_client(recovery),
    )
    .await
}

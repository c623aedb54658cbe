use std::sync::Arc;

use super::{
    Sender,
    message::Messages,
    provider_chain::{Email, ProviderChain, Sms},
    sealed::{DataKeys, Unseal},
    send_leases::SendLeases,
    send_request::VerifiedEmails,
    toll_fraud::{Budgets, GovernorSettings},
};
use crate::{
    audit::AuditTrail,
    config::{Environment, Policy},
    kernel::{Clock, Entropy},
};

/// The providers of a [`Sender`], all for one channel.
#[derive(Debug, Clone)]
pub enum ChannelProviders {
    Sms(ProviderChain<Sms>),
    Email(ProviderChain<Email>),
}

/// The ports of a [`Sender`].
#[derive(Debug, Clone)]
pub struct SenderDependencies {
    pub leases: Arc<dyn SendLeases>,
    /// Absent if the sender gets no sealed codes.
    pub keys: Option<Arc<dyn DataKeys>>,
    pub budgets: Arc<dyn Budgets>,
    /// Absent if every event contains the address.
    pub addresses: Option<Arc<dyn VerifiedEmails>>,
    pub trail: Arc<dyn AuditTrail>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// The settings of a [`Sender`].
#[derive(Debug)]
pub struct SenderSettings {
    pub policy: Policy,
    pub user_pool_id: String,
    unseal: Option<Unseal>,
    messages: Arc<Messages>,
    governor: GovernorSettings,
}

impl SenderSettings {
    /// Reads the settings for codes that Cognito seals: `MFA_USER_POOL_ID`, `MFA_CODE_KEY_ARN`,
    /// `MFA_HASH_KEY`, the policy and the texts.
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let key_arn = environment.required("MFA_CODE_KEY_ARN");
        let settings = Self::read_for_queue(environment);
        let unseal = Unseal { user_pool_id: settings.user_pool_id.clone(), key_arn };
        Self { unseal: Some(unseal), ..settings }
    }

    /// Reads the settings for queued messages, which have no sealed code. `MFA_CODE_KEY_ARN` is not needed.
    pub fn read_for_queue(environment: &mut Environment<'_>) -> Self {
        Self {
            policy: environment.policy(),
            user_pool_id: environment.required("MFA_USER_POOL_ID"),
            unseal: None,
            messages: Arc::new(Messages::read(environment)),
            governor: GovernorSettings::read(environment),
        }
    }

    pub fn sender(&self, dependencies: SenderDependencies, providers: ChannelProviders) -> Sender {
        let governor = self.governor.clone().governor(dependencies.budgets.clone());
        Sender {
            dependencies,
            user_pool_id: self.user_pool_id.clone(),
            unseal: self.unseal.clone(),
            governor,
            messages: self.messages.clone(),
            providers,
            policy: self.policy.delivery.clone(),
        }
    }
}

//! What the MFA API is put together from.

use std::sync::Arc;

use shared::{
    config::{Environment, Policy},
    factors::{
        Access, Factors,
        own::{OwnFactorStore, SelfService},
    },
    kernel::{HashKey, SystemClock, SystemEntropy},
};

use crate::{Aws, DeliverFunction, SeedKey, SeedSettings, Table, UserPool};

/// The policy, `MFA_HASH_KEY`, `MFA_DELIVER_FUNCTION` and what seeds are sealed with.
#[derive(Debug)]
pub struct MfaSettings {
    policy: Policy,
    hash_key: HashKey,
    seeds: SeedSettings,
    deliver: String,
}

impl MfaSettings {
    pub fn read(environment: &mut Environment<'_>) -> Self {
        Self {
            policy: environment.policy(),
            hash_key: environment.hash_key(),
            seeds: SeedSettings::read(environment),
            deliver: DeliverFunction::name(environment),
        }
    }
}

/// The user pool's factors, and ours.
pub fn mfa_services(aws: &Aws, settings: MfaSettings) -> (Arc<Factors>, Arc<SelfService>) {
    let MfaSettings { policy, hash_key, seeds, deliver } = settings;
    let table = Arc::new(Table::new(aws));
    let store: Arc<dyn OwnFactorStore> = table.clone();
    let access = Arc::new(Access::new(
        Arc::new(UserPool::new(aws)),
        table,
        Arc::new(DeliverFunction::new(aws, deliver)),
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
        &policy,
    ));
    let factors = Factors::new(access.clone(), store.clone(), &policy);
    let seeds = Arc::new(SeedKey::new(aws, seeds));
    (Arc::new(factors), Arc::new(SelfService::new(access, store, seeds, hash_key, &policy)))
}

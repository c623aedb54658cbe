//! What the MFA API is put together from.

use std::sync::Arc;

use shared::{
    calls::{CallLimits, Repetitions},
    config::{Environment, Policy},
    custom_auth::CustomAuthSettings,
    factors::{
        Access, Activity, Addresses, CodeWaits, Factors, GuardPorts, RememberedDevices,
        own::{OwnFactorStore, SelfService},
    },
    http::MfaServices,
    kernel::{HashKey, SystemClock, SystemEntropy},
};

use crate::{Aws, DeliverFunction, SeedKey, SeedSettings, Table, UserPool};

/// The policy, `MFA_APP_CLIENTS`, `MFA_PASSWORD_RECOVERY`, `MFA_HASH_KEY`, `MFA_CHALLENGE_KEY`,
/// `MFA_DELIVER_FUNCTION` and what seeds are sealed with.
#[derive(Debug)]
pub struct MfaSettings {
    policy: Policy,
    clients: CustomAuthSettings,
    hash_key: HashKey,
    challenge_key: HashKey,
    seeds: SeedSettings,
    deliver: String,
}

impl MfaSettings {
    pub fn read(environment: &mut Environment<'_>) -> Self {
        Self {
            policy: environment.policy(),
            clients: CustomAuthSettings::read(environment),
            hash_key: environment.hash_key(),
            challenge_key: environment.challenge_key(),
            seeds: SeedSettings::read(environment),
            deliver: DeliverFunction::name(environment),
        }
    }
}

/// The user pool's factors, and ours, and what guards calls.
pub fn mfa_services(aws: &Aws, settings: MfaSettings) -> MfaServices {
    let MfaSettings { policy, clients, hash_key, challenge_key, seeds, deliver } = settings;
    let table = Arc::new(Table::new(aws));
    let store: Arc<dyn OwnFactorStore> = table.clone();
    let pool = Arc::new(UserPool::new(aws));
    let access = Arc::new(Access::new(
        pool.clone(),
        GuardPorts {
            own: store.clone(),
            records: table.clone(),
            clients: Arc::new(clients),
            devices: pool.clone(),
        },
        table.clone(),
        Arc::new(DeliverFunction::new(aws, deliver)),
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
        &policy,
    ));
    let limits = CallLimits::new(table.clone(), Arc::new(SystemClock), hash_key, &policy);
    let repetitions = Repetitions::new(table.clone(), Arc::new(SystemClock), Arc::new(SystemEntropy));
    let factors = Factors::new(access.clone(), store.clone(), &policy);
    let seeds = Arc::new(SeedKey::new(aws, seeds));
    let waits = CodeWaits::new(table.clone(), table.clone(), Arc::new(SystemClock), &policy.governor);
    MfaServices {
        addresses: Arc::new(Addresses::new(access.clone(), pool.clone(), store.clone(), waits)),
        devices: Arc::new(RememberedDevices::new(access.clone(), pool, table.clone())),
        activity: Arc::new(Activity::new(access.clone(), table)),
        factors: Arc::new(factors),
        own: Arc::new(SelfService::new(access, store, seeds, challenge_key, &policy)),
        limits: Arc::new(limits),
        repetitions: Arc::new(repetitions),
    }
}

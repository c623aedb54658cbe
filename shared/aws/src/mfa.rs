//! Assembles the MFA API.

use std::sync::Arc;

use mfa_core::{
    api_limits::{IdempotentRequests, RateLimiter},
    config::{Environment, Policy},
    custom_auth::CustomAuthSettings,
    delivery::toll_fraud::NumberRules,
    factors::{
        ActivityService, AddressService, FactorChangeGuard, FactorChangePorts, PoolFactorService,
        ResendCooldown,
        custom::{CustomFactorService, CustomFactorStore},
        devices::DeviceService,
    },
    http::MfaServices,
    kernel::{HashKey, SystemClock, SystemEntropy},
};

use crate::{Aws, DeliverFunction, SeedKey, SeedSettings, Table, UserPool};

/// The settings of the MFA API: the policy, `MFA_APP_CLIENTS`, `MFA_PASSWORD_RECOVERY`, `MFA_HASH_KEY`,
/// `MFA_CHALLENGE_KEY`, `MFA_DELIVER_FUNCTION` and the key for seeds.
#[derive(Debug)]
pub struct MfaSettings {
    policy: Policy,
    numbers: NumberRules,
    clients: CustomAuthSettings,
    hash_key: HashKey,
    challenge_key: HashKey,
    seeds: SeedSettings,
    deliver: String,
}

impl MfaSettings {
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let policy = environment.policy();
        Self {
            numbers: NumberRules::read(&policy, environment),
            policy,
            clients: CustomAuthSettings::read(environment),
            hash_key: environment.hash_key(),
            challenge_key: environment.challenge_key(),
            seeds: SeedSettings::read(environment),
            deliver: DeliverFunction::name(environment),
        }
    }
}

/// Creates the services for pool factors and custom factors, and the limits of calls.
pub fn mfa_services(aws: &Aws, settings: MfaSettings) -> MfaServices {
    let MfaSettings { policy, numbers, clients, hash_key, challenge_key, seeds, deliver } = settings;
    let table = Arc::new(Table::new(aws));
    let store: Arc<dyn CustomFactorStore> = table.clone();
    let pool = Arc::new(UserPool::new(aws));
    let access = Arc::new(FactorChangeGuard::new(
        pool.clone(),
        FactorChangePorts {
            custom: store.clone(),
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
    let limits = RateLimiter::new(table.clone(), Arc::new(SystemClock), hash_key, &policy);
    let idempotency = IdempotentRequests::new(table.clone(), Arc::new(SystemClock), Arc::new(SystemEntropy));
    let factors = PoolFactorService::new(access.clone(), store.clone(), &policy);
    let seeds = Arc::new(SeedKey::new(aws, seeds));
    let waits = ResendCooldown::new(table.clone(), table.clone(), Arc::new(SystemClock), &policy.governor);
    MfaServices {
        addresses: Arc::new(AddressService::new(access.clone(), pool.clone(), store.clone(), waits, numbers)),
        devices: Arc::new(DeviceService::new(access.clone(), pool, table.clone())),
        activity: Arc::new(ActivityService::new(access.clone(), table)),
        factors: Arc::new(factors),
        custom: Arc::new(CustomFactorService::new(access, store, seeds, challenge_key, &policy)),
        limits: Arc::new(limits),
        idempotency: Arc::new(idempotency),
    }
}

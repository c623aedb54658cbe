//! Assembles the admin API.

use std::sync::Arc;

use mfa_core::{
    admin::{AdminPorts, AdminService},
    config::{Environment, policy::AdminPolicy},
    delivery::toll_fraud::NumberRules,
    kernel::{SystemClock, SystemEntropy},
};

use crate::{Aws, DeliverFunction, PoolAccounts, Table, UserPool};

/// The settings of the admin API: the policy, `MFA_USER_POOL_ID` and `MFA_DELIVER_FUNCTION`.
#[derive(Debug)]
pub struct AdminSettings {
    policy: AdminPolicy,
    numbers: NumberRules,
    user_pool_id: String,
    deliver: String,
}

impl AdminSettings {
    pub fn read(environment: &mut Environment<'_>) -> Self {
        let policy = environment.policy();
        Self {
            numbers: NumberRules::read(&policy, environment),
            policy: policy.admin,
            user_pool_id: environment.required("MFA_USER_POOL_ID"),
            deliver: DeliverFunction::name(environment),
        }
    }
}

pub fn admin(aws: &Aws, settings: AdminSettings) -> AdminService {
    let table = Arc::new(Table::new(aws));
    let ports = AdminPorts {
        pool: Arc::new(UserPool::new(aws)),
        accounts: Arc::new(PoolAccounts::new(aws, &settings.user_pool_id)),
        custom: table.clone(),
        sign_ins: table.clone(),
        ledger: table.clone(),
        items: table.clone(),
        calls: table.clone(),
        audit: table,
        queue: Arc::new(DeliverFunction::new(aws, settings.deliver)),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    AdminService::new(settings.policy, settings.numbers, ports)
}

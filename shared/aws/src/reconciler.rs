//! Assembles the reconciliation of address claims.

use std::sync::Arc;

use mfa_core::{
    config::Environment,
    kernel::{PortError, SystemClock},
    sign_up::{UniqueSettings, claim_reconciler::ClaimReconciler},
};

use crate::{Aws, AwsSettings, PoolListing, Table};

/// The settings. They are absent if the policy keeps no addresses unique.
#[derive(Debug)]
pub struct ReconcilerSettings {
    unique: UniqueSettings,
    user_pool_id: String,
    aws: AwsSettings,
}

impl ReconcilerSettings {
    pub fn read(environment: &mut Environment<'_>) -> Option<Self> {
        let unique = UniqueSettings::read(environment)?;
        let user_pool_id = environment.required("MFA_USER_POOL_ID");
        Some(Self { unique, user_pool_id, aws: AwsSettings::read(environment) })
    }
}

pub fn reconciler(settings: ReconcilerSettings) -> Result<ClaimReconciler, PortError> {
    let aws = Aws::new(settings.aws)?;
    let table = Arc::new(Table::new(&aws));
    let users = Arc::new(PoolListing::new(&aws, settings.user_pool_id));
    Ok(ClaimReconciler::new(settings.unique, users, table.clone(), table, Arc::new(SystemClock)))
}

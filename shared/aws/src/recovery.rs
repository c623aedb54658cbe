//! Assembles recovery.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use mfa_core::{
    config::Environment,
    http::{RecoveryFront, RecoveryFrontSettings},
    kernel::{PortError, SystemClock, SystemEntropy},
    recovery::{
        CaseKey, CaseService, RecoveryCommand, RecoveryPorts, RecoveryReply, RecoveryService,
        RecoverySettings,
    },
};

use crate::{
    Aws, DeliverFunction, PasswordClient, PasswordSettings, PoolAccounts, Table, aws::LazyClient,
    fault::port_error,
};

const OPERATION: &str = "lambda.Invoke";
/// The worker has 20 s, and API Gateway waits 30 s.
const TIMEOUT: Duration = Duration::from_secs(24);

/// The settings of the worker.
#[derive(Debug)]
pub struct RecoveryWorkerSettings {
    recovery: RecoverySettings,
    passwords: Option<PasswordSettings>,
    user_pool_id: String,
    deliver: String,
}

impl RecoveryWorkerSettings {
    pub fn read(environment: &mut Environment<'_>) -> Self {
        Self {
            recovery: RecoverySettings::read(environment),
            passwords: PasswordSettings::read(environment),
            user_pool_id: environment.required("MFA_USER_POOL_ID"),
            deliver: DeliverFunction::name(environment),
        }
    }
}

/// Creates the service that decides recovery cases. Returns `None` if there is no app client for it.
pub fn recovery(aws: &Aws, settings: RecoveryWorkerSettings) -> Option<CaseService> {
    let RecoveryWorkerSettings { recovery, passwords, user_pool_id, deliver } = settings;
    let table = Arc::new(Table::new(aws));
    let ports = RecoveryPorts {
        cases: table.clone(),
        attempts: table.clone(),
        codes: table.clone(),
        passwords: Arc::new(PasswordClient::new(aws, passwords?)),
        accounts: Arc::new(PoolAccounts::new(aws, &user_pool_id)),
        custom: table.clone(),
        history: table.clone(),
        audit: table,
        queue: Arc::new(DeliverFunction::new(aws, deliver)),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    Some(CaseService::new(recovery, ports))
}

/// The settings of the public API.
#[derive(Debug)]
pub struct RecoveryApiSettings {
    front: RecoveryFrontSettings,
    worker: String,
}

impl RecoveryApiSettings {
    pub fn read(environment: &mut Environment<'_>) -> Self {
        Self {
            front: RecoveryFrontSettings::read(environment),
            worker: environment.required("MFA_RECOVERY_FUNCTION"),
        }
    }
}

pub fn recovery_front(aws: &Aws, settings: RecoveryApiSettings) -> RecoveryFront {
    let worker = Arc::new(RecoveryFunction::new(aws, settings.worker));
    settings.front.front(worker, Arc::new(Table::new(aws)), Arc::new(SystemClock))
}

/// Calls the function that decides recovery cases. Passwords and secrets are sent in synchronous invocations,
/// which Lambda does not store. Queued requests hold none.
#[derive(Debug, Clone)]
pub struct RecoveryFunction {
    client: LazyClient<Client>,
    function: String,
}

impl RecoveryFunction {
    /// Creates the client. `function`: its name or ARN.
    pub fn new(aws: &Aws, function: String) -> Self {
        let mut config = aws_sdk_lambda::config::Builder::from(&aws.config);
        config.set_endpoint_url(aws.settings.endpoints.lambda.clone());
        // A call that hangs is not repeated while it may still run.
        config.set_retry_config(Some(RetryConfig::disabled()));
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(TIMEOUT).operation_timeout(TIMEOUT);
        config.set_timeout_config(Some(timeouts.build()));
        Self { client: LazyClient::new(move || Client::from_conf(config.build())), function }
    }
}

#[async_trait]
impl RecoveryService for RecoveryFunction {
    async fn handle(&self, command: &RecoveryCommand) -> Result<RecoveryReply, PortError> {
        let payload = serde_json::to_vec(command).map_err(|fault| PortError::new(OPERATION, fault))?;
        let invoked = self
            .client
            .invoke()
            .function_name(&self.function)
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(payload))
            .send()
            .await
            .map_err(port_error(OPERATION))?;
        if invoked.function_error().is_some() {
            return Err(PortError::new(OPERATION, "the function ended in an error"));
        }
        let answer = invoked.payload().map(AsRef::as_ref).unwrap_or_default();
        serde_json::from_slice(answer).map_err(|_| PortError::new(OPERATION, "the answer can't be read"))
    }

    async fn resume(&self, key: &CaseKey) -> Result<(), PortError> {
        let command = RecoveryCommand::Resume { key: key.as_str().to_owned() };
        let payload = serde_json::to_vec(&command).map_err(|fault| PortError::new(OPERATION, fault))?;
        let call = self.client.invoke().function_name(&self.function).payload(Blob::new(payload));
        call.invocation_type(InvocationType::Event).send().await.map_err(port_error(OPERATION))?;
        Ok(())
    }
}

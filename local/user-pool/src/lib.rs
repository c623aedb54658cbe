//! A Cognito user pool on its own wire protocol (AWS JSON 1.1), for laptops and tests.
//! Its behaviour follows `docs/reference/cognito.md`, and it knows no function of this project.
//!
//! Rooms: `protocol` (framing, errors, parameter validation) hands an operation's input to its file
//! in `operations`; `sign_in` holds the state machines of a sign-in; `triggers` calls functions;
//! `delivery` brings codes to users; `tokens` signs and checks; `store` keeps what `model` describes.

pub mod loopback;
pub mod ports;

mod delivery;
mod entropy;
mod limits;
mod model;
mod operations;
mod passkeys;
mod password;
mod protocol;
mod sign_in;
mod simulation;
mod srp;
mod store;
mod switches;
mod tokens;
mod totp;
mod triggers;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use serde_json::Value;

pub use protocol::error::{ApiError, ErrorCode};
pub use sign_in::FederatedSignIn;
pub use store::StoreLocation;
pub use switches::{SignInRisk, Switches, TriggerDelivery};

use ports::{Clock, DataKeys, Functions, Outbox};
use protocol::{Caller, constraints};
use tokens::keys::{KeyCell, PoolKeys};

/// What the user pools of one account are made of.
pub struct Config {
    pub region: String,
    pub account_id: String,
    pub store: StoreLocation,
    /// Where this is reached, such as `http://127.0.0.1:9000`; `jwks_uri` begins with it.
    pub base_url: String,
    pub functions: Arc<dyn Functions>,
    pub outbox: Arc<dyn Outbox>,
    pub data_keys: Arc<dyn DataKeys>,
    pub clock: Arc<dyn Clock>,
    /// To begin with; see [`UserPools::set_switches`].
    pub switches: Switches,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("region", &self.region)
            .field("store", &self.store)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// The state can't be used as it is.
#[derive(Debug, thiserror::Error)]
#[error("the user pools' state {} can't be used: {reason}", path.display())]
pub struct OpenError {
    path: PathBuf,
    reason: String,
}

/// All user pools of one account.
pub struct UserPools {
    config: Config,
    store: Arc<store::Store>,
    keys: Mutex<HashMap<String, KeyCell>>,
    sessions: sign_in::session::Sessions,
    limits: limits::HourlyLimits,
    passkey_registrations: passkeys::Registrations,
    switches: RwLock<Switches>,
    /// Makes invented salts and destinations the same at each try.
    simulation_seed: [u8; 32],
}

impl std::fmt::Debug for UserPools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserPools").field("config", &self.config).finish_non_exhaustive()
    }
}

impl UserPools {
    /// Reads the state back. A file that is damaged or another program's is one error that says so.
    pub async fn open(config: Config) -> Result<Arc<Self>, OpenError> {
        let location = config.store.clone();
        let opened = tokio::task::spawn_blocking(move || store::Store::open(&location)).await;
        let failed = |reason: String| OpenError {
            path: match &config.store {
                StoreLocation::Memory => PathBuf::from("in memory"),
                StoreLocation::File(path) => path.clone(),
            },
            reason,
        };
        let store = match opened {
            Ok(Ok(store)) => store,
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Err(error) => return Err(failed(error.to_string())),
        };
        Ok(Arc::new(Self {
            switches: RwLock::new(config.switches),
            config,
            store: Arc::new(store),
            keys: Mutex::default(),
            sessions: sign_in::session::Sessions::default(),
            limits: limits::HourlyLimits::default(),
            passkey_registrations: passkeys::Registrations::default(),
            simulation_seed: entropy::bytes(),
        }))
    }

    /// `POST /` for every operation, `GET /{pool}/.well-known/jwks.json` and
    /// `…/openid-configuration`. Foreign `Host` and `Origin` headers are refused.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        protocol::router(Arc::clone(self))
    }

    /// Runs an operation as the wire does, without the wire: `call("CreateUserPool", …)`.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, ApiError> {
        self.call_as(operation, input, Caller::default()).await
    }

    /// The pool's public keys; `None` if there is no such pool. Waits for keys still being made.
    pub fn jwks(&self, pool_id: &str) -> Option<Value> {
        self.store.pool(pool_id).ok()?;
        self.made_keys(&self.key_cell(pool_id), pool_id).ok().map(|keys| keys.jwks())
    }

    pub fn switches(&self) -> Switches {
        *self.switches.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes effect with the next operation.
    pub fn set_switches(&self, switches: Switches) {
        *self.switches.write().unwrap_or_else(PoisonError::into_inner) = switches;
    }

    async fn call_as(&self, name: &str, input: Value, caller: Caller) -> Result<Value, ApiError> {
        if name == "AdminDeleteSoftwareToken" && self.switches().without_delete_software_token {
            return Err(ApiError::new(ErrorCode::UnknownOperation, ""));
        }
        let Some(operation) = operations::find(name) else {
            return Err(if constraints::is_operation(name) {
                ApiError::new(
                    ErrorCode::UnsupportedOperation,
                    format!("{name} is not built in the local user pool."),
                )
            } else {
                ApiError::new(ErrorCode::UnknownOperation, "")
            });
        };
        let input = without_nulls(input);
        constraints::validate(name, &input)?;
        (operation.run)(operations::Request { pools: self, input, caller }).await.map(without_nulls)
    }

    fn now(&self) -> Timestamp {
        self.config.clock.now()
    }

    /// The signing keys, off the threads that serve requests.
    async fn keys_of(&self, pool: &str) -> Result<Arc<PoolKeys>, ApiError> {
        self.store.pool(pool)?;
        let cell = self.key_cell(pool);
        if cell.get().is_none() {
            let (store, cell, pool) = (Arc::clone(&self.store), Arc::clone(&cell), pool.to_owned());
            tokio::task::spawn_blocking(move || {
                cell.get_or_init(|| PoolKeys::load_or_make(&store, &pool));
            })
            .await
            .map_err(ApiError::internal)?;
        }
        self.made_keys(&cell, pool)
    }

    fn made_keys(&self, cell: &KeyCell, pool: &str) -> Result<Arc<PoolKeys>, ApiError> {
        cell.get_or_init(|| PoolKeys::load_or_make(&self.store, pool)).clone().map_err(ApiError::internal)
    }

    /// Of a pool that is gone.
    fn forget_keys(&self, pool: &str) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(pool);
    }

    fn key_cell(&self, pool: &str) -> KeyCell {
        let mut cells = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(cells.entry(pool.to_owned()).or_default())
    }
}

/// A null member is an absent one, coming and going.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().filter(|item| !item.is_null()).map(without_nulls).collect(),
        other => other,
    }
}

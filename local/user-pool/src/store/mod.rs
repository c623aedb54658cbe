//! State in memory for reads, written through to the journal before it changes. Every change of a
//! record happens under one lock, from the record as it is then: two answers with one code, two
//! sign-ups with one name can't both win.

mod auth_events;
mod clients;
mod groups;
mod index;
mod journal;
mod pools;
mod sign_ins;
mod users;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::Serialize;

use crate::model::auth_event::AuthEvent;
use crate::model::client::Client;
use crate::model::group::Group;
use crate::model::pool::Pool;
use crate::model::sign_in::SignIn;
use crate::model::user::User;
use crate::protocol::error::ApiError;
use journal::{Change, Journal};

/// Where the state is kept.
#[derive(Debug, Clone)]
pub enum StoreLocation {
    /// In this process only.
    Memory,
    /// In a `SQLite` file, made if it isn't there.
    File(PathBuf),
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("it has format version {0}, this program writes 1")]
    Version(i64),
    #[error("the {kind} record {id} can't be read: {source}")]
    Record { kind: &'static str, id: String, source: serde_json::Error },
}

pub(crate) struct Store {
    journal: Journal,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    pools: BTreeMap<String, PoolState>,
    /// Client id → pool id.
    clients: HashMap<String, String>,
}

struct PoolState {
    pool: Arc<Pool>,
    clients: BTreeMap<String, Arc<Client>>,
    /// By `sub`.
    users: BTreeMap<String, Arc<User>>,
    /// Sign-in name → `sub`.
    names: HashMap<index::Name, String>,
    groups: BTreeMap<String, Arc<Group>>,
    /// By `sub` and `origin_jti`.
    sign_ins: BTreeMap<(String, String), Arc<SignIn>>,
    /// By `sub` and event id.
    auth_events: BTreeMap<(String, String), Arc<AuthEvent>>,
}

impl PoolState {
    fn new(pool: Pool) -> Self {
        Self {
            pool: Arc::new(pool),
            clients: BTreeMap::new(),
            users: BTreeMap::new(),
            names: HashMap::new(),
            groups: BTreeMap::new(),
            sign_ins: BTreeMap::new(),
            auth_events: BTreeMap::new(),
        }
    }
}

impl Store {
    pub(crate) fn open(location: &StoreLocation) -> Result<Self, StoreError> {
        let journal = match location {
            StoreLocation::Memory => Journal::Memory,
            StoreLocation::File(path) => Journal::open(path)?,
        };
        let state = RwLock::new(load(&journal)?);
        Ok(Self { journal, state })
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, changes: &[Change]) -> Result<(), ApiError> {
        self.journal.write(changes).map_err(ApiError::internal)
    }
}

fn load(journal: &Journal) -> Result<State, StoreError> {
    let mut state = State::default();
    for (id, pool) in journal.read::<Pool>("pool")? {
        state.pools.insert(id, PoolState::new(pool));
    }
    for (pool, client) in journal.read::<Client>("client")? {
        if let Some(held) = state.pools.get_mut(&pool) {
            state.clients.insert(client.id.clone(), pool);
            held.clients.insert(client.id.clone(), Arc::new(client));
        }
    }
    for (pool, user) in journal.read::<User>("user")? {
        if let Some(held) = state.pools.get_mut(&pool) {
            let names = index::names(&held.pool, &user);
            held.names.extend(names.into_iter().map(|name| (name, user.sub.clone())));
            held.users.insert(user.sub.clone(), Arc::new(user));
        }
    }
    for (pool, group) in journal.read::<Group>("group")? {
        if let Some(held) = state.pools.get_mut(&pool) {
            held.groups.insert(group.name.clone(), Arc::new(group));
        }
    }
    for (pool, sign_in) in journal.read::<SignIn>("sign-in")? {
        if let Some(held) = state.pools.get_mut(&pool) {
            let key = (sign_in.sub.clone(), sign_in.origin_jti.clone());
            held.sign_ins.insert(key, Arc::new(sign_in));
        }
    }
    for (pool, event) in journal.read::<AuthEvent>("auth-event")? {
        if let Some(held) = state.pools.get_mut(&pool) {
            held.auth_events.insert((event.sub.clone(), event.id.clone()), Arc::new(event));
        }
    }
    Ok(state)
}

fn put(kind: &'static str, pool: &str, id: &str, record: &impl Serialize) -> Result<Change, ApiError> {
    let body = serde_json::to_string(record).map_err(ApiError::internal)?;
    Ok(Change::Put { kind, pool: pool.to_owned(), id: id.to_owned(), body })
}

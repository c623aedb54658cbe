//! State in memory for reads, written through to the journal before it changes. Every change of a
//! record happens under one lock, from the record as it is then: two answers with one code, two
//! sign-ups with one name can't both win.

mod index;
mod journal;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::Serialize;

use crate::model::client::Client;
use crate::model::group::Group;
use crate::model::pool::Pool;
use crate::model::sign_in::SignIn;
use crate::model::user::User;
use crate::protocol::error::{ApiError, ErrorCode};
use crate::tokens::keys::StoredKeys;
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
    Record {
        kind: &'static str,
        id: String,
        source: serde_json::Error,
    },
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

    // Pools

    pub(crate) fn pool(&self, id: &str) -> Result<Arc<Pool>, ApiError> {
        let state = self.read();
        state
            .pools
            .get(id)
            .map(|held| Arc::clone(&held.pool))
            .ok_or_else(|| ApiError::pool_not_found(id))
    }

    pub(crate) fn pools(&self) -> Vec<Arc<Pool>> {
        self.read()
            .pools
            .values()
            .map(|held| Arc::clone(&held.pool))
            .collect()
    }

    pub(crate) fn insert_pool(&self, pool: Pool) -> Result<(), ApiError> {
        let mut state = self.write();
        self.record(&[put("pool", &pool.id, &pool.id, &pool)?])?;
        state.pools.insert(pool.id.clone(), PoolState::new(pool));
        Ok(())
    }

    pub(crate) fn update_pool<T>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Pool) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut state = self.write();
        let held = state
            .pools
            .get_mut(id)
            .ok_or_else(|| ApiError::pool_not_found(id))?;
        let mut pool = Pool::clone(&held.pool);
        let result = change(&mut pool)?;
        self.record(&[put("pool", id, id, &pool)?])?;
        held.pool = Arc::new(pool);
        Ok(result)
    }

    pub(crate) fn delete_pool(&self, id: &str) -> Result<(), ApiError> {
        let mut state = self.write();
        if !state.pools.contains_key(id) {
            return Err(ApiError::pool_not_found(id));
        }
        self.record(&[Change::DeletePool { pool: id.to_owned() }])?;
        state.pools.remove(id);
        state.clients.retain(|_, pool| pool != id);
        Ok(())
    }

    pub(crate) fn keys(&self, pool: &str) -> Result<Option<StoredKeys>, StoreError> {
        let stored = self.journal.read::<StoredKeys>("keys")?;
        Ok(stored
            .into_iter()
            .find(|(id, _)| id == pool)
            .map(|(_, keys)| keys))
    }

    pub(crate) fn save_keys(&self, pool: &str, keys: &StoredKeys) -> Result<(), ApiError> {
        // Under the lock: a pool that is deleted meanwhile must not leave its keys behind.
        let state = self.write();
        if state.pools.contains_key(pool) {
            self.record(&[put("keys", pool, pool, keys)?])?;
        }
        Ok(())
    }

    // App clients

    pub(crate) fn client(&self, id: &str) -> Result<(Arc<Pool>, Arc<Client>), ApiError> {
        let state = self.read();
        let held = state.clients.get(id).and_then(|pool| state.pools.get(pool));
        held.and_then(|held| Some((Arc::clone(&held.pool), Arc::clone(held.clients.get(id)?))))
            .ok_or_else(|| ApiError::client_not_found(id))
    }

    /// Of the named pool, or not found.
    pub(crate) fn client_of(&self, pool: &str, id: &str) -> Result<(Arc<Pool>, Arc<Client>), ApiError> {
        self.pool(pool)?;
        let (owner, client) = self.client(id)?;
        if owner.id == pool {
            Ok((owner, client))
        } else {
            Err(ApiError::client_not_found(id))
        }
    }

    pub(crate) fn clients(&self, pool: &str) -> Result<Vec<Arc<Client>>, ApiError> {
        let state = self.read();
        let held = state
            .pools
            .get(pool)
            .ok_or_else(|| ApiError::pool_not_found(pool))?;
        Ok(held.clients.values().map(Arc::clone).collect())
    }

    /// Adds it or replaces the one of the same id.
    pub(crate) fn put_client(&self, client: Client) -> Result<(), ApiError> {
        let mut state = self.write();
        let state = &mut *state;
        let held = state
            .pools
            .get_mut(&client.pool_id)
            .ok_or_else(|| ApiError::pool_not_found(&client.pool_id))?;
        self.record(&[put("client", &client.pool_id, &client.id, &client)?])?;
        state.clients.insert(client.id.clone(), client.pool_id.clone());
        held.clients.insert(client.id.clone(), Arc::new(client));
        Ok(())
    }

    pub(crate) fn delete_client(&self, pool: &str, id: &str) -> Result<(), ApiError> {
        let mut state = self.write();
        let state = &mut *state;
        let held = state
            .pools
            .get_mut(pool)
            .ok_or_else(|| ApiError::pool_not_found(pool))?;
        if !held.clients.contains_key(id) {
            return Err(ApiError::client_not_found(id));
        }
        self.record(&[Change::Delete {
            kind: "client",
            pool: pool.to_owned(),
            id: id.to_owned(),
        }])?;
        held.clients.remove(id);
        state.clients.remove(id);
        Ok(())
    }

    // Users

    pub(crate) fn user_count(&self, pool: &str) -> usize {
        self.read().pools.get(pool).map_or(0, |held| held.users.len())
    }

    pub(crate) fn user(&self, pool: &str, sub: &str) -> Option<Arc<User>> {
        self.read().pools.get(pool)?.users.get(sub).map(Arc::clone)
    }

    /// By username or alias, as a caller writes it.
    pub(crate) fn find_user(&self, pool: &str, name: &str) -> Option<Arc<User>> {
        let state = self.read();
        let held = state.pools.get(pool)?;
        let sub = index::candidates(&held.pool, name)
            .into_iter()
            .find_map(|name| held.names.get(&name))?;
        held.users.get(sub).map(Arc::clone)
    }

    /// By username or alias, where the caller may know who exists.
    pub(crate) fn named_user(&self, pool: &str, name: &str) -> Result<Arc<User>, ApiError> {
        self.pool(pool)?;
        self.find_user(pool, name).ok_or_else(ApiError::user_not_found)
    }

    /// All users of a pool, by `sub`.
    pub(crate) fn users(&self, pool: &str) -> Result<Vec<Arc<User>>, ApiError> {
        let state = self.read();
        let held = state
            .pools
            .get(pool)
            .ok_or_else(|| ApiError::pool_not_found(pool))?;
        Ok(held.users.values().map(Arc::clone).collect())
    }

    /// A name or alias of somebody else's is `UsernameExists` or `AliasExists`.
    pub(crate) fn insert_user(&self, pool: &str, user: User) -> Result<Arc<User>, ApiError> {
        let mut state = self.write();
        let held = state
            .pools
            .get_mut(pool)
            .ok_or_else(|| ApiError::pool_not_found(pool))?;
        let names = index::names(&held.pool, &user);
        refuse_taken(held, &names, &user.sub, ErrorCode::UsernameExists)?;
        self.record(&[put("user", pool, &user.sub, &user)?])?;
        held.names
            .extend(names.into_iter().map(|name| (name, user.sub.clone())));
        let user = Arc::new(user);
        held.users.insert(user.sub.clone(), Arc::clone(&user));
        Ok(user)
    }

    /// Changes a user as they are now. An error of `change`, a taken alias or a failed write leaves
    /// everything as it was.
    pub(crate) fn update_user<T>(
        &self,
        pool: &str,
        sub: &str,
        change: impl FnOnce(&mut User) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut state = self.write();
        let held = state
            .pools
            .get_mut(pool)
            .ok_or_else(|| ApiError::pool_not_found(pool))?;
        let before = held.users.get(sub).ok_or_else(ApiError::user_not_found)?;
        let mut user = User::clone(before);
        let result = change(&mut user)?;
        let old_names = index::names(&held.pool, before);
        let new_names = index::names(&held.pool, &user);
        refuse_taken(held, &new_names, sub, ErrorCode::AliasExists)?;
        self.record(&[put("user", pool, sub, &user)?])?;
        for name in old_names {
            held.names.remove(&name);
        }
        held.names
            .extend(new_names.into_iter().map(|name| (name, sub.to_owned())));
        held.users.insert(sub.to_owned(), Arc::new(user));
        Ok(result)
    }

    /// Takes verified aliases away from whoever has them, for `ForceAliasCreation`.
    pub(crate) fn release_alias(
        &self,
        pool: &str,
        attribute: &str,
        value: &str,
        keeper: &str,
    ) -> Result<(), ApiError> {
        let owner = {
            let state = self.read();
            let held = state
                .pools
                .get(pool)
                .ok_or_else(|| ApiError::pool_not_found(pool))?;
            held.names
                .get(&index::alias(&held.pool, attribute, value))
                .cloned()
        };
        match owner {
            Some(owner) if owner != keeper => self.update_user(pool, &owner, |user| {
                user.set_verified(attribute, false);
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    pub(crate) fn delete_user(&self, pool: &str, sub: &str) -> Result<(), ApiError> {
        let mut state = self.write();
        let held = state
            .pools
            .get_mut(pool)
            .ok_or_else(|| ApiError::pool_not_found(pool))?;
        let user = held.users.get(sub).ok_or_else(ApiError::user_not_found)?;
        let names = index::names(&held.pool, user);
        let mut changes = vec![Change::Delete {
            kind: "user",
            pool: pool.to_owned(),
            id: sub.to_owned(),
        }];
        changes.extend(sign_ins_of(held, sub).map(|key| delete_sign_in(pool, key)));
        self.record(&changes)?;
        for name in names {
            held.names.remove(&name);
        }
        held.users.remove(sub);
        held.sign_ins.retain(|(owner, _), _| owner != sub);
        Ok(())
    }

    // Groups

    pub(crate) fn groups(&self, pool: &str) -> Result<Vec<Arc<Group>>, ApiError> {
        let state = self.read();
        let held = state
            .pools
            .get(pool)
            .ok_or_else(|| ApiError::pool_not_found(pool))?;
        Ok(held.groups.values().map(Arc::clone).collect())
    }

    pub(crate) fn group(&self, pool: &str, name: &str) -> Result<Arc<Group>, ApiError> {
        let state = self.read();
        let held = state
            .pools
            .get(pool)
            .ok_or_else(|| ApiError::pool_not_found(pool))?;
        held.groups
            .get(name)
            .map(Arc::clone)
            .ok_or_else(|| ApiError::new(ErrorCode::ResourceNotFound, "Group not found."))
    }

    pub(crate) fn put_group(&self, group: Group, must_be_new: bool) -> Result<(), ApiError> {
        let mut state = self.write();
        let held = state
            .pools
            .get_mut(&group.pool_id)
            .ok_or_else(|| ApiError::pool_not_found(&group.pool_id))?;
        if must_be_new && held.groups.contains_key(&group.name) {
            return Err(ApiError::new(
                ErrorCode::GroupExists,
                "A group with the name already exists.",
            ));
        }
        self.record(&[put("group", &group.pool_id, &group.name, &group)?])?;
        held.groups.insert(group.name.clone(), Arc::new(group));
        Ok(())
    }

    /// Its members lose it.
    pub(crate) fn delete_group(&self, pool: &str, name: &str) -> Result<(), ApiError> {
        let mut state = self.write();
        let held = state
            .pools
            .get_mut(pool)
            .ok_or_else(|| ApiError::pool_not_found(pool))?;
        if !held.groups.contains_key(name) {
            return Err(ApiError::new(ErrorCode::ResourceNotFound, "Group not found."));
        }
        let mut changes = vec![Change::Delete {
            kind: "group",
            pool: pool.to_owned(),
            id: name.to_owned(),
        }];
        let mut members = Vec::new();
        for user in held.users.values().filter(|user| user.groups.contains(name)) {
            let mut user = User::clone(user);
            user.groups.remove(name);
            changes.push(put("user", pool, &user.sub, &user)?);
            members.push(user);
        }
        self.record(&changes)?;
        held.groups.remove(name);
        for user in members {
            held.users.insert(user.sub.clone(), Arc::new(user));
        }
        Ok(())
    }

    // Sign-ins

    pub(crate) fn insert_sign_in(&self, pool: &str, sign_in: SignIn) -> Result<(), ApiError> {
        let mut state = self.write();
        let held = state
            .pools
            .get_mut(pool)
            .ok_or_else(|| ApiError::pool_not_found(pool))?;
        let key = (sign_in.sub.clone(), sign_in.origin_jti.clone());
        let outlived: Vec<_> = sign_ins_of(held, &sign_in.sub)
            .filter(|key| {
                held.sign_ins
                    .get(*key)
                    .is_some_and(|old| old.refresh_expires <= sign_in.auth_time)
            })
            .cloned()
            .collect();
        let mut changes: Vec<_> = outlived.iter().map(|key| delete_sign_in(pool, key)).collect();
        changes.push(put("sign-in", pool, &sign_in_id(&key), &sign_in)?);
        self.record(&changes)?;
        for key in outlived {
            held.sign_ins.remove(&key);
        }
        held.sign_ins.insert(key, Arc::new(sign_in));
        Ok(())
    }

    pub(crate) fn sign_in(&self, pool: &str, sub: &str, origin_jti: &str) -> Option<Arc<SignIn>> {
        let key = (sub.to_owned(), origin_jti.to_owned());
        self.read().pools.get(pool)?.sign_ins.get(&key).map(Arc::clone)
    }

    pub(crate) fn revoke_sign_in(&self, pool: &str, sub: &str, origin_jti: &str) -> Result<(), ApiError> {
        let key = (sub.to_owned(), origin_jti.to_owned());
        let mut state = self.write();
        let held = state
            .pools
            .get_mut(pool)
            .ok_or_else(|| ApiError::pool_not_found(pool))?;
        if held.sign_ins.contains_key(&key) {
            self.record(&[delete_sign_in(pool, &key)])?;
            held.sign_ins.remove(&key);
        }
        Ok(())
    }

    /// Global sign-out.
    pub(crate) fn revoke_all_sign_ins(&self, pool: &str, sub: &str) -> Result<(), ApiError> {
        let mut state = self.write();
        let held = state
            .pools
            .get_mut(pool)
            .ok_or_else(|| ApiError::pool_not_found(pool))?;
        let changes: Vec<_> = sign_ins_of(held, sub)
            .map(|key| delete_sign_in(pool, key))
            .collect();
        self.record(&changes)?;
        held.sign_ins.retain(|(owner, _), _| owner != sub);
        Ok(())
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
            held.names
                .extend(names.into_iter().map(|name| (name, user.sub.clone())));
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
    Ok(state)
}

fn refuse_taken(
    held: &PoolState,
    names: &[index::Name],
    sub: &str,
    code_for_username: ErrorCode,
) -> Result<(), ApiError> {
    let taken = names
        .iter()
        .find(|name| held.names.get(*name).is_some_and(|owner| owner != sub));
    match taken {
        None => Ok(()),
        Some(name) if name.is_username() && code_for_username == ErrorCode::UsernameExists => {
            Err(ApiError::new(ErrorCode::UsernameExists, "User already exists"))
        }
        Some(name) => Err(ApiError::new(
            ErrorCode::AliasExists,
            format!("An account with the {} already exists.", name.attribute()),
        )),
    }
}

fn sign_ins_of<'a>(held: &'a PoolState, sub: &str) -> impl Iterator<Item = &'a (String, String)> {
    let first = (sub.to_owned(), String::new());
    let sub = sub.to_owned();
    held.sign_ins
        .range(first..)
        .map(|(key, _)| key)
        .take_while(move |(owner, _)| *owner == sub)
}

fn sign_in_id((sub, origin_jti): &(String, String)) -> String {
    format!("{sub}/{origin_jti}")
}

fn delete_sign_in(pool: &str, key: &(String, String)) -> Change {
    Change::Delete {
        kind: "sign-in",
        pool: pool.to_owned(),
        id: sign_in_id(key),
    }
}

fn put(kind: &'static str, pool: &str, id: &str, record: &impl Serialize) -> Result<Change, ApiError> {
    let body = serde_json::to_string(record).map_err(ApiError::internal)?;
    Ok(Change::Put {
        kind,
        pool: pool.to_owned(),
        id: id.to_owned(),
        body,
    })
}

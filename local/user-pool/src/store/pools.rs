//! Pools and their signing keys.

use std::sync::Arc;

use super::journal::Change;
use super::{PoolState, Store, StoreError, put};
use crate::model::pool::Pool;
use crate::protocol::error::ApiError;
use crate::tokens::keys::StoredKeys;
impl Store {
    pub(crate) fn pool(&self, id: &str) -> Result<Arc<Pool>, ApiError> {
        let state = self.read();
        state.pools.get(id).map(|held| Arc::clone(&held.pool)).ok_or_else(|| ApiError::pool_not_found(id))
    }

    pub(crate) fn pools(&self) -> Vec<Arc<Pool>> {
        self.read().pools.values().map(|held| Arc::clone(&held.pool)).collect()
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
        let held = state.pools.get_mut(id).ok_or_else(|| ApiError::pool_not_found(id))?;
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
        Ok(stored.into_iter().find(|(id, _)| id == pool).map(|(_, keys)| keys))
    }

    pub(crate) fn save_keys(&self, pool: &str, keys: &StoredKeys) -> Result<(), ApiError> {
        // Under the lock: a pool that is deleted meanwhile must not leave its keys behind.
        let state = self.write();
        if state.pools.contains_key(pool) {
            self.record(&[put("keys", pool, pool, keys)?])?;
        }
        Ok(())
    }
}

//! App clients.

use std::sync::Arc;

use super::journal::Change;
use super::{Store, put};
use crate::model::client::Client;
use crate::model::pool::Pool;
use crate::protocol::error::ApiError;
impl Store {
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
        if owner.id == pool { Ok((owner, client)) } else { Err(ApiError::client_not_found(id)) }
    }

    pub(crate) fn clients(&self, pool: &str) -> Result<Vec<Arc<Client>>, ApiError> {
        let state = self.read();
        let held = state.pools.get(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        Ok(held.clients.values().map(Arc::clone).collect())
    }

    /// Adds it or replaces the one of the same id.
    pub(crate) fn put_client(&self, client: Client) -> Result<(), ApiError> {
        let mut state = self.write();
        let state = &mut *state;
        let held =
            state.pools.get_mut(&client.pool_id).ok_or_else(|| ApiError::pool_not_found(&client.pool_id))?;
        self.record(&[put("client", &client.pool_id, &client.id, &client)?])?;
        state.clients.insert(client.id.clone(), client.pool_id.clone());
        held.clients.insert(client.id.clone(), Arc::new(client));
        Ok(())
    }

    pub(crate) fn delete_client(&self, pool: &str, id: &str) -> Result<(), ApiError> {
        let mut state = self.write();
        let state = &mut *state;
        let held = state.pools.get_mut(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        if !held.clients.contains_key(id) {
            return Err(ApiError::client_not_found(id));
        }
        self.record(&[Change::Delete { kind: "client", pool: pool.to_owned(), id: id.to_owned() }])?;
        held.clients.remove(id);
        state.clients.remove(id);
        Ok(())
    }
}

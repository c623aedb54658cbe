//! Groups.

use std::sync::Arc;

use super::journal::Change;
use super::{Store, put};
use crate::model::group::Group;
use crate::model::user::User;
use crate::protocol::error::{ApiError, ErrorCode};
impl Store {
    pub(crate) fn groups(&self, pool: &str) -> Result<Vec<Arc<Group>>, ApiError> {
        let state = self.read();
        let held = state.pools.get(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        Ok(held.groups.values().map(Arc::clone).collect())
    }

    pub(crate) fn group(&self, pool: &str, name: &str) -> Result<Arc<Group>, ApiError> {
        let state = self.read();
        let held = state.pools.get(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        held.groups
            .get(name)
            .map(Arc::clone)
            .ok_or_else(|| ApiError::new(ErrorCode::ResourceNotFound, "Group not found."))
    }

    pub(crate) fn put_group(&self, group: Group, must_be_new: bool) -> Result<(), ApiError> {
        let mut state = self.write();
        let held =
            state.pools.get_mut(&group.pool_id).ok_or_else(|| ApiError::pool_not_found(&group.pool_id))?;
        if must_be_new && held.groups.contains_key(&group.name) {
            return Err(ApiError::new(ErrorCode::GroupExists, "A group with the name already exists."));
        }
        self.record(&[put("group", &group.pool_id, &group.name, &group)?])?;
        held.groups.insert(group.name.clone(), Arc::new(group));
        Ok(())
    }

    /// Its members lose it.
    pub(crate) fn delete_group(&self, pool: &str, name: &str) -> Result<(), ApiError> {
        let mut state = self.write();
        let held = state.pools.get_mut(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        if !held.groups.contains_key(name) {
            return Err(ApiError::new(ErrorCode::ResourceNotFound, "Group not found."));
        }
        let mut changes = vec![Change::Delete { kind: "group", pool: pool.to_owned(), id: name.to_owned() }];
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
}

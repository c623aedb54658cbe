//! Users and the names they are found by.

use std::sync::Arc;

use super::auth_events::{auth_events_of, delete_auth_event};
use super::journal::Change;
use super::sign_ins::{delete_sign_in, sign_ins_of};
use super::{PoolState, Store, index, put};
use crate::model::user::User;
use crate::protocol::error::{ApiError, ErrorCode};
impl Store {
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
        let sub = index::candidates(&held.pool, name).into_iter().find_map(|name| held.names.get(&name))?;
        held.users.get(sub).map(Arc::clone)
    }

    /// Returns a user by username, alias or `sub`, where the caller may know who exists. The model's text on
    /// `Username` of the Admin operations names all three.
    pub(crate) fn named_user(&self, pool: &str, name: &str) -> Result<Arc<User>, ApiError> {
        self.pool(pool)?;
        self.find_user(pool, name).or_else(|| self.user(pool, name)).ok_or_else(ApiError::user_not_found)
    }

    /// All users of a pool, by `sub`.
    pub(crate) fn users(&self, pool: &str) -> Result<Vec<Arc<User>>, ApiError> {
        let state = self.read();
        let held = state.pools.get(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        Ok(held.users.values().map(Arc::clone).collect())
    }

    /// A name or alias of another user is `UsernameExists` or `AliasExists`.
    pub(crate) fn insert_user(&self, pool: &str, user: User) -> Result<Arc<User>, ApiError> {
        let mut state = self.write();
        let held = state.pools.get_mut(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        let names = index::names(&held.pool, &user);
        refuse_taken(held, &names, &user.sub, ErrorCode::UsernameExists)?;
        self.record(&[put("user", pool, &user.sub, &user)?])?;
        held.names.extend(names.into_iter().map(|name| (name, user.sub.clone())));
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
        let held = state.pools.get_mut(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
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
        held.names.extend(new_names.into_iter().map(|name| (name, sub.to_owned())));
        held.users.insert(sub.to_owned(), Arc::new(user));
        Ok(result)
    }

    /// Takes verified aliases away from their present owners, for `ForceAliasCreation`.
    pub(crate) fn release_alias(
        &self,
        pool: &str,
        attribute: &str,
        value: &str,
        keeper: &str,
    ) -> Result<(), ApiError> {
        let owner = {
            let state = self.read();
            let held = state.pools.get(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
            held.names.get(&index::alias(&held.pool, attribute, value)).cloned()
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
        let held = state.pools.get_mut(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        let user = held.users.get(sub).ok_or_else(ApiError::user_not_found)?;
        let names = index::names(&held.pool, user);
        let mut changes = vec![Change::Delete { kind: "user", pool: pool.to_owned(), id: sub.to_owned() }];
        changes.extend(sign_ins_of(held, sub).map(|key| delete_sign_in(pool, key)));
        changes.extend(auth_events_of(held, sub).map(|key| delete_auth_event(pool, key)));
        self.record(&changes)?;
        for name in names {
            held.names.remove(&name);
        }
        held.users.remove(sub);
        held.sign_ins.retain(|(owner, _), _| owner != sub);
        held.auth_events.retain(|(owner, _), _| owner != sub);
        Ok(())
    }
}

fn refuse_taken(
    held: &PoolState,
    names: &[index::Name],
    sub: &str,
    code_for_username: ErrorCode,
) -> Result<(), ApiError> {
    let taken = names.iter().find(|name| held.names.get(*name).is_some_and(|owner| owner != sub));
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

//! Finished sign-ins: what tokens live on.

use std::sync::Arc;

use jiff::Timestamp;

use super::journal::Change;
use super::{PoolState, Store, put};
use crate::model::sign_in::SignIn;
use crate::protocol::error::ApiError;
impl Store {
    pub(crate) fn insert_sign_in(&self, pool: &str, sign_in: SignIn) -> Result<(), ApiError> {
        let mut state = self.write();
        let held = state.pools.get_mut(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        let key = (sign_in.sub.clone(), sign_in.origin_jti.clone());
        let mut outlived: Vec<_> = sign_ins_of(held, &sign_in.sub)
            .filter(|key| held.sign_ins.get(*key).is_some_and(|old| old.refresh_expires <= sign_in.auth_time))
            .cloned()
            .collect();
        if sign_in.session.is_some() {
            outlived.extend(evicted(held, &sign_in));
        }
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

    /// The sign-ins of a user whose refresh token has not expired, newest first.
    pub(crate) fn sign_ins(&self, pool: &str, sub: &str, now: Timestamp) -> Vec<Arc<SignIn>> {
        let state = self.read();
        let Some(held) = state.pools.get(pool) else { return Vec::new() };
        let mut found: Vec<_> = sign_ins_of(held, sub)
            .filter_map(|key| held.sign_ins.get(key))
            .filter(|sign_in| sign_in.refresh_expires > now)
            .map(Arc::clone)
            .collect();
        found.sort_by_key(|sign_in| std::cmp::Reverse(sign_in.auth_time));
        found
    }

    /// Changes a sign-in as it is now. `None` if it was revoked.
    pub(crate) fn update_sign_in<T>(
        &self,
        pool: &str,
        sub: &str,
        origin_jti: &str,
        change: impl FnOnce(&mut SignIn) -> Result<T, ApiError>,
    ) -> Result<Option<T>, ApiError> {
        let key = (sub.to_owned(), origin_jti.to_owned());
        let mut state = self.write();
        let held = state.pools.get_mut(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        let Some(before) = held.sign_ins.get(&key) else { return Ok(None) };
        let mut sign_in = SignIn::clone(before);
        let result = change(&mut sign_in)?;
        self.record(&[put("sign-in", pool, &sign_in_id(&key), &sign_in)?])?;
        held.sign_ins.insert(key, Arc::new(sign_in));
        Ok(Some(result))
    }

    pub(crate) fn revoke_sign_in(&self, pool: &str, sub: &str, origin_jti: &str) -> Result<(), ApiError> {
        let key = (sub.to_owned(), origin_jti.to_owned());
        let mut state = self.write();
        let held = state.pools.get_mut(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        if held.sign_ins.contains_key(&key) {
            self.record(&[delete_sign_in(pool, &key)])?;
            held.sign_ins.remove(&key);
        }
        Ok(())
    }

    /// Global sign-out.
    pub(crate) fn revoke_all_sign_ins(&self, pool: &str, sub: &str) -> Result<(), ApiError> {
        let mut state = self.write();
        let held = state.pools.get_mut(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        let changes: Vec<_> = sign_ins_of(held, sub).map(|key| delete_sign_in(pool, key)).collect();
        self.record(&changes)?;
        held.sign_ins.retain(|(owner, _), _| owner != sub);
        Ok(())
    }
}

/// The tracked sessions that make room for a new one: those that were used least recently.
fn evicted(held: &PoolState, new: &SignIn) -> Vec<(String, String)> {
    let mut tracked: Vec<_> = sign_ins_of(held, &new.sub)
        .filter_map(|key| Some((held.sign_ins.get(key)?, key)))
        .filter(|(sign_in, _)| sign_in.refresh_expires > new.auth_time)
        .filter_map(|(sign_in, key)| Some((sign_in.session.as_ref()?.last_active, key)))
        .collect();
    tracked.sort();
    let room = held.pool.sessions.token_session.max_per_user.saturating_sub(1);
    let surplus = tracked.len().saturating_sub(room);
    tracked.into_iter().take(surplus).map(|(_, key)| key.clone()).collect()
}

pub(super) fn sign_ins_of<'a>(held: &'a PoolState, sub: &str) -> impl Iterator<Item = &'a (String, String)> {
    let first = (sub.to_owned(), String::new());
    let sub = sub.to_owned();
    held.sign_ins.range(first..).map(|(key, _)| key).take_while(move |(owner, _)| *owner == sub)
}

fn sign_in_id((sub, origin_jti): &(String, String)) -> String {
    format!("{sub}/{origin_jti}")
}

pub(super) fn delete_sign_in(pool: &str, key: &(String, String)) -> Change {
    Change::Delete { kind: "sign-in", pool: pool.to_owned(), id: sign_in_id(key) }
}

//! Finished sign-ins: what tokens live on.

use std::sync::Arc;

use super::journal::Change;
use super::{PoolState, Store, put};
use crate::model::sign_in::SignIn;
use crate::protocol::error::ApiError;
impl Store {
    pub(crate) fn insert_sign_in(&self, pool: &str, sign_in: SignIn) -> Result<(), ApiError> {
        let mut state = self.write();
        let held = state.pools.get_mut(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        let key = (sign_in.sub.clone(), sign_in.origin_jti.clone());
        let outlived: Vec<_> = sign_ins_of(held, &sign_in.sub)
            .filter(|key| held.sign_ins.get(*key).is_some_and(|old| old.refresh_expires <= sign_in.auth_time))
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

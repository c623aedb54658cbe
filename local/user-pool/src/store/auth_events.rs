//! Sign-ins as threat protection remembers them.

use std::sync::Arc;

use super::journal::Change;
use super::{PoolState, Store, put};
use crate::model::auth_event::AuthEvent;
use crate::protocol::error::{ApiError, ErrorCode};

impl Store {
    /// Changes the event, which is `new` if it isn't there yet. Of a user who is gone nothing is kept.
    pub(crate) fn log_auth_event(
        &self,
        pool: &str,
        new: AuthEvent,
        change: impl FnOnce(&mut AuthEvent),
    ) -> Result<(), ApiError> {
        let mut state = self.write();
        let held = state.pools.get_mut(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        if !held.users.contains_key(&new.sub) {
            return Ok(());
        }
        let key = (new.sub.clone(), new.id.clone());
        let mut event = held.auth_events.get(&key).map_or(new, |event| AuthEvent::clone(event));
        change(&mut event);
        self.record(&[put("auth-event", pool, &auth_event_id(&key), &event)?])?;
        held.auth_events.insert(key, Arc::new(event));
        Ok(())
    }

    /// Changes an event that is there.
    pub(crate) fn update_auth_event(
        &self,
        pool: &str,
        sub: &str,
        id: &str,
        change: impl FnOnce(&mut AuthEvent) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let mut state = self.write();
        let held = state.pools.get_mut(pool).ok_or_else(|| ApiError::pool_not_found(pool))?;
        let key = (sub.to_owned(), id.to_owned());
        let event = held.auth_events.get(&key);
        let event =
            event.ok_or_else(|| ApiError::new(ErrorCode::ResourceNotFound, "Event does not exist."))?;
        let mut event = AuthEvent::clone(event);
        change(&mut event)?;
        self.record(&[put("auth-event", pool, &auth_event_id(&key), &event)?])?;
        held.auth_events.insert(key, Arc::new(event));
        Ok(())
    }

    /// Newest first.
    pub(crate) fn auth_events(&self, pool: &str, sub: &str) -> Vec<Arc<AuthEvent>> {
        let state = self.read();
        let Some(held) = state.pools.get(pool) else { return Vec::new() };
        let mut events: Vec<_> =
            auth_events_of(held, sub).filter_map(|key| held.auth_events.get(key)).map(Arc::clone).collect();
        events.sort_by(|one, other| (other.created, &other.id).cmp(&(one.created, &one.id)));
        events
    }
}

pub(super) fn auth_events_of<'a>(
    held: &'a PoolState,
    sub: &str,
) -> impl Iterator<Item = &'a (String, String)> {
    let first = (sub.to_owned(), String::new());
    let sub = sub.to_owned();
    held.auth_events.range(first..).map(|(key, _)| key).take_while(move |(owner, _)| *owner == sub)
}

fn auth_event_id((sub, id): &(String, String)) -> String {
    format!("{sub}/{id}")
}

pub(super) fn delete_auth_event(pool: &str, key: &(String, String)) -> Change {
    Change::Delete { kind: "auth-event", pool: pool.to_owned(), id: auth_event_id(key) }
}

//! Challenge sessions: opaque names of sign-ins that are under way. They live in memory; a restart
//! ends them, as time does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};

use super::Attempt;
use crate::entropy;
use crate::protocol::error::ApiError;

/// How long an ended session is still told from one that never was.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(1);
const SWEEP_EVERY: usize = 1024;

#[derive(Default)]
pub(crate) struct Sessions(Mutex<Held>);

#[derive(Default)]
struct Held {
    entries: HashMap<String, Entry>,
    opened: usize,
}

struct Entry {
    attempt: Arc<Attempt>,
    expires: Timestamp,
    used: bool,
}

impl Sessions {
    pub(crate) fn open(&self, attempt: Attempt, now: Timestamp, validity: SignedDuration) -> String {
        let id = format!("AYAB{}", URL_SAFE_NO_PAD.encode(entropy::bytes::<96>()));
        let expires = now.saturating_add(validity).unwrap_or(Timestamp::MAX);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.opened += 1;
        if held.opened.is_multiple_of(SWEEP_EVERY) {
            held.entries
                .retain(|_, entry| now.duration_since(entry.expires) < REMEMBERED_FOR);
        }
        held.entries.insert(
            id.clone(),
            Entry {
                attempt: Arc::new(attempt),
                expires,
                used: false,
            },
        );
        id
    }

    /// Leaves it usable.
    pub(crate) fn peek(&self, id: &str, now: Timestamp) -> Result<Arc<Attempt>, ApiError> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = held.entries.get(id).ok_or_else(ApiError::invalid_session)?;
        usable(entry, now)?;
        Ok(Arc::clone(&entry.attempt))
    }

    /// The session whose open exchange gave out this secret block (base64). Few clients leave the
    /// session out, so no index is kept for them.
    pub(crate) fn of_secret_block(&self, block: &str) -> Option<String> {
        let block = STANDARD.decode(block).ok()?;
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = held.entries.iter();
        entries.find(|(_, entry)| entry.attempt.secret_block() == Some(block.as_slice())).map(|(id, _)| id.clone())
    }

    /// Of several at once, one succeeds.
    pub(crate) fn consume(&self, id: &str, now: Timestamp) -> Result<(), ApiError> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = held.entries.get_mut(id).ok_or_else(ApiError::invalid_session)?;
        usable(entry, now)?;
        entry.used = true;
        Ok(())
    }
}

fn usable(entry: &Entry, now: Timestamp) -> Result<(), ApiError> {
    if entry.used {
        return Err(ApiError::not_authorized(
            "Invalid session for the user, session can only be used once.",
        ));
    }
    if entry.expires <= now {
        return Err(ApiError::not_authorized(
            "Invalid session for the user, session is expired.",
        ));
    }
    Ok(())
}

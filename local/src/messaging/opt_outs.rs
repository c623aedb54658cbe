use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers whose owners want no more messages: one list for both SMS services, as in an account.
#[derive(Debug, Default)]
pub struct OptOuts(Mutex<BTreeSet<String>>);

impl OptOuts {
    pub(super) fn contains(&self, number: &str) -> bool {
        self.numbers().contains(number)
    }

    pub(super) fn add(&self, number: &str) {
        self.numbers().insert(number.to_owned());
    }

    pub(super) fn remove(&self, number: &str) -> bool {
        self.numbers().remove(number)
    }

    fn numbers(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use shared::{
    delivery::{Courier, Parcel},
    kernel::PortError,
};

/// Keeps what it is given.
#[derive(Debug, Default)]
pub struct InMemoryCourier {
    taken: Mutex<Vec<Parcel>>,
    failing: Mutex<bool>,
}

impl InMemoryCourier {
    pub fn taken(&self) -> Vec<Parcel> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on nothing is taken.
    pub fn fail(&self) {
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

#[async_trait]
impl Courier for InMemoryCourier {
    async fn hand_over(&self, parcel: &Parcel) -> Result<(), PortError> {
        if *self.failing.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(PortError::new("lambda.Invoke", "told to fail"));
        }
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(parcel.clone());
        Ok(())
    }
}

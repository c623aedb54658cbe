use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use mfa_core::{
    delivery::{MessageQueue, OutboundMessage},
    kernel::PortError,
};

/// A queue that keeps its messages in memory.
#[derive(Debug, Default)]
pub struct InMemoryMessageQueue {
    taken: Mutex<Vec<OutboundMessage>>,
    failing: Mutex<bool>,
}

impl InMemoryMessageQueue {
    pub fn taken(&self) -> Vec<OutboundMessage> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the queue refuse every later message.
    pub fn fail(&self) {
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

#[async_trait]
impl MessageQueue for InMemoryMessageQueue {
    async fn enqueue(&self, message: &OutboundMessage) -> Result<(), PortError> {
        if *self.failing.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(PortError::new("lambda.Invoke", "told to fail"));
        }
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
        Ok(())
    }
}

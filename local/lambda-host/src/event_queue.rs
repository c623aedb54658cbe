use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use tokio::time::{Instant, sleep};

use crate::invocation::{Invocation, InvokeError, Lambda, Request};

/// Dead letters kept.
const KEPT: usize = 100;

/// How asynchronous events are tried again.
#[derive(Debug, Clone, Copy)]
pub struct AsyncPolicy {
    /// Further attempts after a function error: 2 on Lambda.
    pub retries: u8,
    /// Wait before the first retry; the second waits twice as long. A minute on Lambda, a second
    /// here, so that one can watch.
    pub backoff: Duration,
    /// An event older than this is given up: 6 h on Lambda.
    pub maximum_age: Duration,
}

impl Default for AsyncPolicy {
    fn default() -> Self {
        Self { retries: 2, backoff: Duration::from_secs(1), maximum_age: Duration::from_hours(6) }
    }
}

/// Why an event is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GaveUp {
    RetriesExhausted,
    EventAgeExceeded,
}

/// An event that no attempt could handle.
#[derive(Clone)]
pub struct DeadLetter {
    pub function: String,
    pub request_id: String,
    pub payload: Bytes,
    pub attempts: u8,
    pub reason: GaveUp,
    /// `errorType`, or the Invoke API's exception, of the last attempt.
    pub error: String,
}

impl std::fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadLetter")
            .field("function", &self.function)
            .field("attempts", &self.attempts)
            .field("reason", &self.reason)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// Lambda's queue of asynchronous invocations (`X-Amz-Invocation-Type: Event`).
#[derive(Clone)]
pub struct EventQueue {
    lambda: Arc<dyn Lambda>,
    policy: AsyncPolicy,
    dead: Arc<Mutex<VecDeque<DeadLetter>>>,
}

impl std::fmt::Debug for EventQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventQueue").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl EventQueue {
    pub fn new(lambda: Arc<dyn Lambda>, policy: AsyncPolicy) -> Self {
        Self { lambda, policy, dead: Arc::default() }
    }

    pub(crate) fn lambda(&self) -> &Arc<dyn Lambda> {
        &self.lambda
    }

    /// Takes the event and returns at once.
    pub fn push(&self, request: Request) {
        let queue = self.clone();
        tokio::spawn(async move { queue.work_off(request).await });
    }

    /// Oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    async fn work_off(self, mut request: Request) {
        let accepted = Instant::now();
        let mut wait = self.policy.backoff;
        loop {
            let error = match self.lambda.run(request.clone()).await {
                Ok(Invocation { result: Ok(_), .. }) => return,
                Ok(Invocation { result: Err(error), .. }) => {
                    if request.attempt > self.policy.retries {
                        return self.give_up(request, GaveUp::RetriesExhausted, error.error_type);
                    }
                    request.attempt += 1;
                    error.error_type
                }
                // Throttles and faults of the service use up age, not attempts.
                Err(error @ (InvokeError::TooManyRequests | InvokeError::Service(_))) => {
                    error.code().to_owned()
                }
                Err(error) => {
                    return self.give_up(request, GaveUp::RetriesExhausted, error.code().to_owned());
                }
            };
            if accepted.elapsed() + wait > self.policy.maximum_age {
                return self.give_up(request, GaveUp::EventAgeExceeded, error);
            }
            sleep(wait).await;
            wait = (wait * 2).min(Duration::from_mins(5));
        }
    }

    fn give_up(&self, request: Request, reason: GaveUp, error: String) {
        tracing::warn!(function = request.function, ?reason, error, "event given up");
        let mut dead = self.dead.lock().unwrap_or_else(PoisonError::into_inner);
        if dead.len() == KEPT {
            dead.pop_front();
        }
        dead.push_back(DeadLetter {
            function: request.function,
            request_id: request.request_id,
            payload: request.payload,
            attempts: request.attempt,
            reason,
            error,
        });
    }
}

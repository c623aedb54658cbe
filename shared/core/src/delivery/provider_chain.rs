use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{
    config::policy::ProviderPolicy,
    kernel::{EmailAddress, Entropy, PhoneNumber, PortError},
    telemetry,
};

use super::message::{EmailText, SmsText};

/// A text message for a provider.
#[derive(Debug, Clone)]
pub struct Sms {
    pub to: PhoneNumber,
    pub text: SmsText,
    /// The sender that the recipient sees, in countries that support sender ids.
    pub sender_id: Option<String>,
    /// How long it makes sense to deliver the text.
    pub time_to_live: Duration,
}

/// An e-mail for a provider.
#[derive(Debug, Clone)]
pub struct Email {
    pub to: EmailAddress,
    pub text: EmailText,
}

/// Why a provider did not accept a message.
#[derive(Debug, thiserror::Error)]
pub enum ProviderFault {
    /// The address is not reachable, so no other provider will reach it either.
    #[error("the address was rejected")]
    AddressRejected,
    /// The owner of the address wants no messages.
    #[error("the owner of the address has opted out")]
    OptedOut,
    /// The provider has too many requests now. It may accept the message a little later.
    #[error("throttled")]
    Throttled,
    /// Any other fault: the provider is down, not reachable, or not set up for this message.
    #[error(transparent)]
    Unavailable(#[from] PortError),
}

/// Sends messages of one kind.
///
/// Contract: `Ok` says that the provider accepted the message, not that it arrived. One call is one attempt.
#[async_trait]
pub trait Provider<M>: Send + Sync {
    /// Returns the provider's name in `policy.toml`.
    fn name(&self) -> &'static str;

    async fn send(&self, message: &M) -> Result<(), ProviderFault>;
}

/// Why no provider of a [`ProviderChain`] accepted a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderChainFault {
    AddressRejected,
    OptedOut,
    NoProvider,
}

/// The providers in the policy's order. They are tried until one accepts the message.
///
/// After a throttling or a failure, the same provider is tried again after a short, jittered wait. After a
/// timeout, the next provider follows at once, because another attempt would most likely hang as well. A
/// rejected or opted-out address ends the chain.
#[derive(Clone)]
pub struct ProviderChain<M> {
    providers: Vec<Arc<dyn Provider<M>>>,
    policy: ProviderPolicy,
    entropy: Arc<dyn Entropy>,
}

impl<M: Sync> ProviderChain<M> {
    pub fn new(
        providers: Vec<Arc<dyn Provider<M>>>,
        policy: ProviderPolicy,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { providers, policy, entropy }
    }

    /// Sends until `deadline` and returns the name of the provider that accepted the message.
    pub async fn send(&self, message: &M, deadline: Instant) -> Result<&'static str, ProviderChainFault> {
        for (index, provider) in self.providers.iter().enumerate() {
            let others = u32::try_from(self.providers.len() - index - 1).unwrap_or(u32::MAX);
            // Each later provider in the chain keeps the time of one attempt.
            let reserved = self.policy.attempt_timeout().saturating_mul(others);
            let Some(until) = deadline.checked_sub(reserved) else { continue };
            match self.ask(provider.as_ref(), message, until).await {
                Ok(()) => return Ok(provider.name()),
                Err(ProviderFault::AddressRejected) => return Err(ProviderChainFault::AddressRejected),
                Err(ProviderFault::OptedOut) => return Err(ProviderChainFault::OptedOut),
                Err(ProviderFault::Throttled) => {
                    tracing::warn!(provider = provider.name(), "message provider throttled the request");
                }
                Err(ProviderFault::Unavailable(fault)) => telemetry::dependency_failed(&fault),
            }
        }
        Err(ProviderChainFault::NoProvider)
    }

    async fn ask(
        &self,
        provider: &dyn Provider<M>,
        message: &M,
        until: Instant,
    ) -> Result<(), ProviderFault> {
        let mut fault = ProviderFault::Unavailable(PortError::new("provider.send", "no time left for a try"));
        for attempt in 0..self.policy.attempts {
            let started = Instant::now();
            if started >= until {
                break;
            }
            let limit = until.min(started + self.policy.attempt_timeout());
            fault = match timeout_at(limit, provider.send(message)).await {
                Ok(Err(fault @ (ProviderFault::Throttled | ProviderFault::Unavailable(_)))) => fault,
                Ok(outcome) => return outcome,
                Err(elapsed) => return Err(PortError::new("provider.send", elapsed).into()),
            };
            if attempt + 1 < self.policy.attempts {
                sleep_until(Instant::now() + self.back_off(attempt)).await;
            }
        }
        Err(fault)
    }

    /// Returns a wait with full jitter: between zero and a maximum that starts with the base and doubles with
    /// each attempt.
    fn back_off(&self, attempt: u32) -> Duration {
        let mut random = [0; 2];
        let share = match self.entropy.fill(&mut random) {
            Ok(()) => f64::from(u16::from_be_bytes(random)) / f64::from(u16::MAX),
            Err(_) => 1.0,
        };
        self.policy.back_off().saturating_mul(2_u32.saturating_pow(attempt)).mul_f64(share)
    }
}

impl<M> fmt::Debug for ProviderChain<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.providers.iter().map(|provider| provider.name()).collect();
        f.debug_struct("ProviderChain")
            .field("providers", &names)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use rstest::rstest;

    use super::*;
    use crate::{config::Policy, kernel::SystemEntropy};

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Behaviour {
        Takes,
        Hangs,
        Fails,
        Throttles,
        ThrottlesOnce,
        Rejects,
        OptedOut,
    }
    use Behaviour::{Fails, Hangs, Rejects, Takes, Throttles, ThrottlesOnce};

    struct Scripted(&'static str, Behaviour, Mutex<Vec<Instant>>);

    impl Scripted {
        fn new(name: &'static str, behaviour: Behaviour) -> Arc<Self> {
            Arc::new(Self(name, behaviour, Mutex::default()))
        }

        fn tries(&self) -> usize {
            self.2.lock().unwrap_or_else(PoisonError::into_inner).len()
        }
    }

    #[async_trait]
    impl Provider<()> for Scripted {
        fn name(&self) -> &'static str {
            self.0
        }

        async fn send(&self, (): &()) -> Result<(), ProviderFault> {
            let tries = {
                let mut tries = self.2.lock().unwrap_or_else(PoisonError::into_inner);
                tries.push(Instant::now());
                tries.len()
            };
            match self.1 {
                ThrottlesOnce if tries == 1 => Err(ProviderFault::Throttled),
                Takes | ThrottlesOnce => Ok(()),
                Hangs => std::future::pending().await,
                Fails => Err(PortError::new("provider.send", "500").into()),
                Throttles => Err(ProviderFault::Throttled),
                Rejects => Err(ProviderFault::AddressRejected),
                Behaviour::OptedOut => Err(ProviderFault::OptedOut),
            }
        }
    }

    /// Returns the chain's result, its duration, and the number of calls of each provider.
    async fn run(
        first: Behaviour,
        second: Behaviour,
    ) -> (Result<&'static str, ProviderChainFault>, Duration, [usize; 2]) {
        let delivery = Policy::default().delivery;
        let (one, two) = (Scripted::new("first", first), Scripted::new("second", second));
        let chain =
            ProviderChain::new(vec![one.clone(), two.clone()], delivery.sms.clone(), Arc::new(SystemEntropy));
        let started = Instant::now();
        let answer = chain.send(&(), started + delivery.budget()).await;
        (answer, started.elapsed(), [one.tries(), two.tries()])
    }

    #[rstest]
    #[case::the_first_takes_it(Takes, Takes, Ok("first"), [1, 0])]
    #[case::a_hanging_provider_is_left_at_once(Hangs, Takes, Ok("second"), [1, 1])]
    #[case::a_failing_provider_is_asked_again(Fails, Takes, Ok("second"), [2, 1])]
    #[case::throttled_for_a_moment(ThrottlesOnce, Takes, Ok("first"), [2, 0])]
    #[case::throttled_for_good(Throttles, Takes, Ok("second"), [2, 1])]
    #[case::a_rejected_number_is_final(Rejects, Takes, Err(ProviderChainFault::AddressRejected), [1, 0])]
    #[case::an_opt_out_is_final(Behaviour::OptedOut, Takes, Err(ProviderChainFault::OptedOut), [1, 0])]
    #[case::all_hang(Hangs, Hangs, Err(ProviderChainFault::NoProvider), [1, 1])]
    #[case::all_fail(Fails, Fails, Err(ProviderChainFault::NoProvider), [2, 2])]
    #[case::the_second_rejects(Fails, Rejects, Err(ProviderChainFault::AddressRejected), [2, 1])]
    #[tokio::test(start_paused = true)]
    async fn only_what_may_pass_moves_on(
        #[case] first: Behaviour,
        #[case] second: Behaviour,
        #[case] answer: Result<&'static str, ProviderChainFault>,
        #[case] tries: [usize; 2],
    ) {
        let (answered, took, asked) = run(first, second).await;
        assert_eq!((answered, asked), (answer, tries));
        assert!(took <= Policy::default().delivery.budget(), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_try_begins_behind_the_deadline() {
        let policy = Policy::default().delivery.sms;
        let provider = Scripted::new("only", Takes);
        let chain = ProviderChain::<()>::new(vec![provider.clone()], policy, Arc::new(SystemEntropy));
        assert_eq!(chain.send(&(), Instant::now()).await, Err(ProviderChainFault::NoProvider));
        assert_eq!(provider.tries(), 0);
    }
}

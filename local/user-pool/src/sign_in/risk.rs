//! Threat protection at a sign-in (cognito.md §4.9): what is remembered of it, and what a risk does.
//! There is no engine that judges: [`Switches::sign_in_risk`](crate::Switches) says what it would.

use std::net::{IpAddr, Ipv4Addr};

use super::factor_choice::{Choice, Situation, choose_despite_preference};
use super::{Flow, Turn};
use crate::delivery::{self, TakeoverNotification};
use crate::entropy;
use crate::model::auth_event::{AnsweredChallenge, AuthEvent, EventChallenge, EventOutcome, RiskDecision};
use crate::model::risk::{EventAction, Protection, Response, RiskSettings};
use crate::model::secret::Secret;
use crate::protocol::error::ApiError;

/// What threat protection knows of a sign-in between two calls.
#[derive(Clone)]
pub(super) struct Watched {
    /// `event_id` of the tokens.
    pub(super) event_id: String,
    pub(super) address: IpAddr,
    pub(super) extra_factor: ExtraFactor,
}

/// Whether a second factor is asked for that the user has not switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExtraFactor {
    No,
    IfConfigured,
    Required,
}

impl Watched {
    /// `address` is what a caller who may tell it has told.
    pub(super) fn begin(address: Option<&str>) -> Result<Self, ApiError> {
        let address = match address {
            Some(text) => text.parse().map_err(|_| ApiError::invalid_parameter("Invalid IP address."))?,
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        Ok(Self { event_id: entropy::uuid(), address, extra_factor: ExtraFactor::No })
    }
}

pub(super) fn refused() -> ApiError {
    ApiError::not_authorized("Unable to login because of security reasons.")
}

impl Turn<'_> {
    fn protection(&self) -> Protection {
        let Some(add_ons) = &self.pool.settings.user_pool_add_ons else {
            return Protection::Off;
        };
        match self.attempt.flow {
            Flow::Password | Flow::Choice => add_ons.standard(),
            Flow::Custom => add_ons.custom(),
        }
    }

    fn risk_settings(&self) -> RiskSettings {
        let configured = self.client.risk.as_ref().or(self.pool.risk.as_ref());
        configured.map(|configuration| configuration.settings.clone()).unwrap_or_default()
    }

    /// Addresses that are always blocked don't get as far as the password.
    pub(super) fn refuse_blocked_address(&self) -> Result<(), ApiError> {
        if self.protection() != Protection::Enforced
            || !self.risk_settings().blocks(self.attempt.watched.address)
        {
            return Ok(());
        }
        self.log_event(|event| {
            event.outcome = EventOutcome::Fail;
            event.decision = RiskDecision::Block;
        })?;
        Err(ApiError::not_authorized("Request not allowed due to security reasons."))
    }

    /// After the right password, or once Define grants tokens: keeps the risk and does what the
    /// configuration says.
    pub(super) async fn answer_risk(&mut self) -> Result<(), ApiError> {
        let protection = self.protection();
        let level = self.pools.switches().sign_in_risk.level();
        let (Some(level), Protection::Audit | Protection::Enforced) = (level, protection) else {
            return self.log_event(|_| ());
        };
        if protection == Protection::Audit {
            return self.log_event(|event| {
                event.level = Some(level);
                event.decision = RiskDecision::AccountTakeover;
            });
        }
        let settings = self.risk_settings();
        if settings.skips(self.attempt.watched.address) {
            return self.log_event(|_| ());
        }
        let Response { notify, event_action } = settings.response(level);
        let refused = match event_action {
            EventAction::Block => true,
            EventAction::NoAction => false,
            EventAction::MfaIfConfigured => {
                self.attempt.watched.extra_factor = ExtraFactor::IfConfigured;
                false
            }
            EventAction::MfaRequired => {
                self.attempt.watched.extra_factor = ExtraFactor::Required;
                self.configured_factors()? == Choice::Nothing
            }
        };
        let feedback_token = Secret::new(entropy::text(entropy::LETTERS_AND_DIGITS, 64));
        self.log_event(|event| {
            event.level = Some(level);
            event.decision = if refused { RiskDecision::Block } else { RiskDecision::AccountTakeover };
            if refused {
                event.outcome = EventOutcome::Fail;
            }
            event.feedback_token = notify.then(|| feedback_token.clone());
        })?;
        if notify {
            let notification = TakeoverNotification {
                pool: &self.pool,
                client_id: &self.client.id,
                user: self.known_user()?,
                configuration: settings.notify_configuration(),
                action: event_action,
                event_id: &self.attempt.watched.event_id,
                address: self.attempt.watched.address,
                feedback_token: &feedback_token,
            };
            delivery::notify_of_takeover(self.pools, &notification).await;
        }
        if refused {
            return Err(self::refused());
        }
        Ok(())
    }

    /// The second factor of a risky sign-in, switched on by the user or not.
    pub(super) fn configured_factors(&self) -> Result<Choice, ApiError> {
        let user = self.known_user()?;
        let recovery = self.pools.switches().recovery_address_only_fails;
        Ok(choose_despite_preference(&Situation::of(&self.pool, user, recovery)))
    }

    /// Keeps a challenge's result.
    pub(super) fn log_answer(&self, challenge: EventChallenge, right: bool) -> Result<(), ApiError> {
        self.log_event(|event| {
            event.answers.push(AnsweredChallenge { challenge, right });
            if challenge == EventChallenge::Password && !right {
                event.outcome = EventOutcome::Fail;
            }
        })
    }

    pub(super) fn log_outcome(&self, outcome: EventOutcome) -> Result<(), ApiError> {
        self.log_event(|event| event.outcome = outcome)
    }

    /// Nothing, if threat protection is off.
    fn log_event(&self, change: impl FnOnce(&mut AuthEvent)) -> Result<(), ApiError> {
        let Some(user) = self.user.as_ref().filter(|_| self.protection() != Protection::Off) else {
            return Ok(());
        };
        let new = AuthEvent {
            id: self.attempt.watched.event_id.clone(),
            sub: user.sub.clone(),
            created: self.pools.now(),
            ip_address: self.attempt.watched.address.to_string(),
            outcome: EventOutcome::InProgress,
            decision: RiskDecision::NoRisk,
            level: None,
            answers: Vec::new(),
            feedback_token: None,
            feedback: None,
        };
        self.pools.store.log_auth_event(&self.pool.id, new, change)
    }
}

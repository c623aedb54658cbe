//! Define: decides the next step.

use std::sync::Arc;

use super::{
    AppClient, CustomAuthSettings, Requirements, SigningIn,
    machine::{NextStep, SessionItem},
    port::Challenges,
    view::{SignInView, last_round, state_key},
};
use crate::{
    config::policy::AppClientPolicy,
    kernel::{Clock, PortError},
};

/// The decision of Define.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefineDecision {
    Password,
    NewPassword,
    Challenge,
    IssueTokens,
    Fail,
}

/// Decides the steps of custom sign-ins.
#[derive(Debug)]
pub struct SignIns {
    pub(super) settings: CustomAuthSettings,
    pub(super) challenges: Arc<dyn Challenges>,
    pub(super) clock: Arc<dyn Clock>,
}

impl SignIns {
    pub fn new(settings: CustomAuthSettings, challenges: Arc<dyn Challenges>, clock: Arc<dyn Clock>) -> Self {
        Self { settings, challenges, clock }
    }

    pub(super) fn client(&self, id: &str) -> Option<&AppClientPolicy> {
        match self.settings.clients.find(id)? {
            AppClient::Custom(policy) => Some(policy),
            AppClient::Native => None,
        }
    }

    /// Decides the next step, with one read.
    pub async fn define(
        &self,
        request: &SigningIn<'_>,
        session: &[SessionItem<'_>],
    ) -> Result<DefineDecision, PortError> {
        let Some(client) = self.client(request.client_id) else {
            tracing::warn!("app client has no custom challenges");
            return Ok(DefineDecision::Fail);
        };
        let view = self.view(request, client, session).await?;
        Ok(match view.next(session, request) {
            NextStep::Password => DefineDecision::Password,
            NextStep::NewPassword => DefineDecision::NewPassword,
            NextStep::Begin(_) | NextStep::Prove(..) | NextStep::Enrol(_) => DefineDecision::Challenge,
            // Without a slot, no answer was ever compared.
            NextStep::IssueTokens(_) if view.user().is_none() => DefineDecision::Fail,
            NextStep::IssueTokens(_) => DefineDecision::IssueTokens,
            NextStep::Fail(why) => {
                tracing::info!(why = why.name(), "custom sign-in ended");
                DefineDecision::Fail
            }
        })
    }

    /// Reads the state of a sign-in at this point of its session.
    pub(super) async fn view(
        &self,
        request: &SigningIn<'_>,
        client: &AppClientPolicy,
        session: &[SessionItem<'_>],
    ) -> Result<SignInView, PortError> {
        let last = last_round(session);
        let state_key = state_key(request.user.as_ref(), request.user_name, last.as_ref());
        let user_state = self.challenges.read(&state_key).await?;
        let groups = user_state.groups.iter().map(String::as_str);
        let requirements = Requirements::new(client, groups, self.settings.recovery);
        Ok(SignInView { state_key, user_state, requirements, last, now: self.clock.now() })
    }
}

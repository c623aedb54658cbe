use std::{collections::BTreeSet, sync::Arc};

use super::{
    AppClient, Challenges, CustomAuthSettings, NativeEnrolment, Nonce, Place, Redemption, Requirements,
};
use crate::{
    config::RecoveryClient,
    kernel::{Clock, OwnFactor, PortError, UserId},
};

/// A request for tokens.
#[derive(Debug, Clone)]
pub struct TokenRequest<'a> {
    pub client_id: &'a str,
    /// None for a client that asks for itself.
    pub user: Option<UserId>,
    pub user_name: &'a str,
    pub groups: BTreeSet<String>,
    pub kind: TokenKind,
    /// What the client calls its sign-in.
    pub named: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    SignIn,
    Refresh,
    /// Of a client for itself: there is no user.
    ClientCredentials,
}

/// Whether tokens may be issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    Open(Admitted),
    UnknownClient,
    NotProven,
}

impl Gate {
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }
}

/// Tokens may be issued.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admitted {
    /// The client's name in `MFA_APP_CLIENTS`.
    pub client: String,
    /// What was proven, Cognito's own factors too; none where this is not known.
    pub methods: Option<BTreeSet<OwnFactor>>,
}

/// The last gate: tokens of a custom client for nothing but a proof. Cognito can issue tokens without
/// asking Define (COGNITO.md §1.12), and no event says which sign-in it belongs to.
pub struct LastGate {
    settings: CustomAuthSettings,
    challenges: Arc<dyn Challenges>,
    natives: Arc<dyn NativeEnrolment>,
    clock: Arc<dyn Clock>,
    recovery: RecoveryClient,
}

impl LastGate {
    pub fn new(
        settings: CustomAuthSettings,
        challenges: Arc<dyn Challenges>,
        natives: Arc<dyn NativeEnrolment>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { settings, challenges, natives, clock, recovery: RecoveryClient::default() }
    }

    /// No token is issued for this client, whatever else it is called.
    #[must_use]
    pub fn closed_to(self, recovery: RecoveryClient) -> Self {
        Self { recovery, ..self }
    }

    /// One write for a custom client, one read for a native one.
    pub async fn admit(&self, request: &TokenRequest<'_>) -> Result<Gate, PortError> {
        if self.recovery.is(request.client_id) {
            return Ok(Gate::UnknownClient);
        }
        let Some(client) = self.settings.clients.find(request.client_id) else {
            return Ok(Gate::UnknownClient);
        };
        let name = self.settings.clients.name(request.client_id).unwrap_or_default();
        let open = |methods| Gate::Open(Admitted { client: name.to_owned(), methods });
        match (client, request.kind, &request.user) {
            (_, TokenKind::Refresh, _) | (AppClient::Native, TokenKind::ClientCredentials, _) => {
                Ok(open(None))
            }
            (_, _, None) | (AppClient::Custom(_), TokenKind::ClientCredentials, _) => Ok(Gate::NotProven),
            (AppClient::Custom(policy), TokenKind::SignIn, Some(user)) => {
                let redemption = Redemption {
                    user: user.clone(),
                    client: request.client_id.to_owned(),
                    nonce: request.named.and_then(Nonce::parse),
                    groups: request.groups.clone(),
                    now: self.clock.now(),
                };
                let proven = self.challenges.redeem(&redemption).await?;
                // By the groups of now: those that Define knew were of the last sign-in.
                let requirements = Requirements::new(policy, request.groups.iter().map(String::as_str));
                let met = proven.filter(|proven| requirements.are_met(proven));
                Ok(met.map_or(Gate::NotProven, |proven| open(Some(proven.methods()))))
            }
            (AppClient::Native, TokenKind::SignIn, Some(user)) => {
                let kept = self.challenges.read(&Place::User(user.clone())).await?;
                // Whoever has set up a factor of ours and none of Cognito's was asked for nothing here.
                let has_own = kept.factors.confirmed().next().is_some();
                let is_open = !has_own || self.natives.has_native_factor(request.user_name).await?;
                Ok(if is_open { open(None) } else { Gate::NotProven })
            }
        }
    }

    /// What the user's last completed sign-in proved, if it was at this client, which signs in by custom
    /// challenges. A refresh does not say which sign-in it goes back to. One read, none for a native client.
    pub async fn proven_last(
        &self,
        request: &TokenRequest<'_>,
    ) -> Result<Option<BTreeSet<OwnFactor>>, PortError> {
        let (Some(AppClient::Custom(_)), Some(user)) =
            (self.settings.clients.find(request.client_id), &request.user)
        else {
            return Ok(None);
        };
        let kept = self.challenges.read(&Place::User(user.clone())).await?;
        let last = kept.factors.last_proof.filter(|proof| proof.client == request.client_id);
        Ok(last.map(|proof| proof.factors.union(&proof.native).copied().collect()))
    }
}

impl std::fmt::Debug for LastGate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LastGate").field("settings", &self.settings).finish_non_exhaustive()
    }
}

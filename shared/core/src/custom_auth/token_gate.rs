use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::{
    AppClient, CustomAuthSettings, Requirements,
    port::{Challenges, GrantRedemption, NativeEnrolment},
    round_state::Nonce,
};
use crate::{
    assurance::{Evidence, Proofs, SECOND_FACTOR_LEVEL},
    config::RecoveryClient,
    factors::custom::{CustomFactorStore, PoolFactorNote},
    kernel::{Clock, CustomFactor, PortError, UserId},
};

/// A request for tokens.
#[derive(Debug, Clone)]
pub struct TokenRequest<'a> {
    pub client_id: &'a str,
    /// Absent for a client that requests tokens for itself.
    pub user: Option<UserId>,
    pub user_name: &'a str,
    pub groups: BTreeSet<String>,
    pub kind: TokenKind,
    /// The steps that Cognito itself has asked for, as far as the event shows.
    pub native: NativeSteps,
    /// The client's name for its sign-in.
    pub named: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    SignIn,
    Refresh,
    /// A client requests tokens for itself, without a user.
    ClientCredentials,
}

/// Cognito's own steps of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NativeSteps {
    /// A password, then a pool factor if the user has one turned on.
    FactorIfOn,
    /// A password, then a remembered device instead of a factor.
    RememberedDevice,
    /// Any other way: another identity provider, a new password, or an unknown source.
    Unknown,
}

/// Whether tokens may be issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenDecision {
    Granted(TokenGranted),
    UnknownClient,
    NotProven,
}

impl TokenDecision {
    pub fn is_granted(&self) -> bool {
        matches!(self, Self::Granted(_))
    }
}

/// Tokens may be issued.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenGranted {
    /// The client's name in `MFA_APP_CLIENTS`.
    pub client: String,
    /// All proven factors, Cognito's included. Absent if unknown.
    pub methods: Option<BTreeSet<CustomFactor>>,
    /// What this sign-in proved. Absent for a refresh, because no event connects it to its sign-in, and for a
    /// client that requests tokens for itself.
    pub evidence: Option<Evidence>,
}

/// The last gate: a custom client gets tokens only for a proof. Cognito can issue tokens without asking
/// Define (cognito.md §1.12), and no event says which sign-in it belongs to.
#[derive(Debug)]
pub struct TokenGate {
    settings: CustomAuthSettings,
    challenges: Arc<dyn Challenges>,
    custom: Arc<dyn CustomFactorStore>,
    natives: Arc<dyn NativeEnrolment>,
    clock: Arc<dyn Clock>,
    recovery: RecoveryClient,
}

impl TokenGate {
    pub fn new(
        settings: CustomAuthSettings,
        challenges: Arc<dyn Challenges>,
        custom: Arc<dyn CustomFactorStore>,
        natives: Arc<dyn NativeEnrolment>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { settings, challenges, custom, natives, clock, recovery: RecoveryClient::default() }
    }

    /// Refuses all tokens for this client, even if `MFA_APP_CLIENTS` names it.
    #[must_use]
    pub fn with_recovery_client(self, recovery: RecoveryClient) -> Self {
        Self { recovery, ..self }
    }

    /// Decides on a request for tokens. A custom client costs one write. A native client costs one read, one
    /// request to the pool, and a write if the known state of the pool factors changes.
    pub async fn admit(&self, request: &TokenRequest<'_>) -> Result<TokenDecision, PortError> {
        if self.recovery.is(request.client_id) {
            return Ok(TokenDecision::UnknownClient);
        }
        let Some(client) = self.settings.clients.find(request.client_id) else {
            return Ok(TokenDecision::UnknownClient);
        };
        let name = self.settings.clients.name(request.client_id).unwrap_or_default();
        let open = |methods, evidence| {
            TokenDecision::Granted(TokenGranted { client: name.to_owned(), methods, evidence })
        };
        match (client, request.kind, &request.user) {
            (_, TokenKind::Refresh, _) | (AppClient::Native, TokenKind::ClientCredentials, _) => {
                Ok(open(None, None))
            }
            (_, _, None) | (AppClient::Custom(_), TokenKind::ClientCredentials, _) => {
                Ok(TokenDecision::NotProven)
            }
            (AppClient::Custom(policy), TokenKind::SignIn, Some(user)) => {
                let redemption = GrantRedemption {
                    user: user.clone(),
                    client: request.client_id.to_owned(),
                    nonce: request.named.and_then(Nonce::parse),
                    groups: request.groups.clone(),
                    now: self.clock.now(),
                };
                let redeemed = self.challenges.redeem(&redemption).await?;
                // We check the user's present groups. Define only knew those of the last sign-in.
                let groups = request.groups.iter().map(String::as_str);
                let requirements = Requirements::new(policy, groups, self.settings.recovery);
                let met = redeemed.filter(|redeemed| requirements.are_met(&redeemed.proven));
                Ok(met.map_or(TokenDecision::NotProven, |redeemed| {
                    let evidence =
                        Evidence::of(&redeemed.proven.proofs(), self.settings.recovery, redeemed.at);
                    open(Some(redeemed.proven.methods()), Some(evidence))
                }))
            }
            (AppClient::Native, TokenKind::SignIn, Some(user)) => {
                let evidence = self.admit_natively(user, request, self.clock.now()).await?;
                Ok(evidence.map_or(TokenDecision::NotProven, |evidence| open(None, Some(evidence))))
            }
        }
    }

    /// Returns the evidence of a sign-in at a native client, or `None` for a user who has more to prove.
    ///
    /// A pool factor counts only if it was known to be on before this sign-in: in a pool that
    /// requires MFA, a user without a factor sets one up in the sign-in itself (cognito.md §4.8).
    async fn admit_natively(
        &self,
        user: &UserId,
        request: &TokenRequest<'_>,
        now: Timestamp,
    ) -> Result<Option<Evidence>, PortError> {
        let (kept, is_on) = futures::future::try_join(
            self.custom.custom_factors(user),
            self.natives.has_native_factor(request.user_name),
        )
        .await?;
        let was_on = is_on && kept.pool_factor_since.is_some();
        let proofs = match request.native {
            // We cannot tell which pool factor it was. Each is independent of the password, because Cognito
            // offers no factor on the channel that resets passwords (cognito.md §4.3).
            NativeSteps::FactorIfOn if was_on => {
                Proofs { password: true, factors: [CustomFactor::Totp].into(), remembered_device: false }
            }
            NativeSteps::RememberedDevice if was_on => {
                Proofs { password: true, remembered_device: true, ..Proofs::default() }
            }
            _ => Proofs { password: true, ..Proofs::default() },
        };
        let evidence = Evidence::of(&proofs, self.settings.recovery, now);
        if kept.is_covered() && evidence.level < SECOND_FACTOR_LEVEL {
            return Ok(None);
        }
        let note = match (kept.pool_factor_since, is_on) {
            (None, true) => Some(PoolFactorNote::On(now)),
            (Some(_), false) => Some(PoolFactorNote::Missing),
            _ => None,
        };
        if let Some(note) = note {
            self.custom.note_pool_factor(user, note).await?;
        }
        Ok(Some(evidence))
    }
}

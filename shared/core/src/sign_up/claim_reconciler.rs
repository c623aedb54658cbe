//! Reconciles address claims with the pool's accounts, page by page. It finds what no trigger reports: deleted
//! users, changed addresses, and users from before the installation. A function with a few minutes and little
//! memory runs it on a schedule. `cognito-mfa claims reconcile` runs it to its end.
//!
//! ```text
//! listing ──▶ every user's addresses are claimed, or the claim is marked as seen in this pass
//!    │        (a claim whose owner no longer has the address goes to the user listed with it,
//!    │        and a claim that is newer than the pass goes to the oldest account with the address)
//!    ▼
//! sweeping ─▶ for each earlier claim that the listing did not mark: look up the owner, and free the claim if
//!    │        the owner lost the address
//!    ▼
//!   over  ──▶ nothing until a day after the pass began, or until an operator begins the next one
//! ```
//!
//! Every step can be repeated. A run that is killed repeats one page.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AddressClaims, AddressKey, KnownAddress, ListedUser, StoredClaim, UniqueSettings};
use crate::kernel::{Clock, PortError, UserId};

/// Time from the begin of one pass to the begin of the next.
pub const PASS_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// Number of concurrent calls.
const PARALLEL: usize = 16;

/// A page of the pool's users and the place of the next page. `next` is `None` on the last page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsersPage {
    pub users: Vec<ListedUser>,
    pub next: Option<String>,
}

/// Lists the pool's users.
///
/// Contract: the pages together contain every user who exists during the whole listing, at least once. `find`
/// returns the current state.
#[async_trait]
pub trait PoolUsers: Send + Sync + std::fmt::Debug {
    /// Returns a page, or `None` if the pool no longer knows `place`. Places expire.
    async fn page(&self, place: Option<&str>) -> Result<Option<UsersPage>, PortError>;

    async fn find(&self, user: &UserId) -> Result<Option<ListedUser>, PortError>;
}

/// The outcome of reconciling one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The claim belongs to the user already.
    Owned,
    /// The claim was missing. It belongs to the user now.
    Created,
    /// The claim belongs to another user, since the given time.
    OwnedByOther { owner: UserId, since: Timestamp },
    /// The claim does not belong to the user and was not made, because the address is not proven.
    Unproven,
}

/// The place in the table at which the claims continue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimCursor {
    pub pk: String,
    pub sk: String,
}

/// Reads and marks claims during a pass.
///
/// Contract: `reconcile_claim` is one conditional write. It marks a claim that belongs to the user as seen in the
/// pass. It creates a missing claim only if the address is proven, as [`AddressClaims::confirm`] does.
/// `unseen` returns, page by page, every owned claim that is older than the pass and was not seen in it. Of
/// several calls of `keep` after the same revision exactly one returns true.
#[async_trait]
pub trait ClaimScan: Send + Sync + std::fmt::Debug {
    async fn progress(&self) -> Result<Option<PassProgress>, PortError>;

    /// Stores the progress. Returns false if another run has stored its progress meanwhile. `after`: the
    /// revision that was read, or `None` if there was no progress.
    async fn keep(&self, progress: &PassProgress, after: Option<u64>) -> Result<bool, PortError>;

    async fn reconcile_claim(
        &self,
        known: &KnownAddress,
        pass: Timestamp,
        now: Timestamp,
    ) -> Result<ClaimOutcome, PortError>;

    async fn unseen(
        &self,
        pass: Timestamp,
        after: Option<&ClaimCursor>,
    ) -> Result<(Vec<StoredClaim>, Option<ClaimCursor>), PortError>;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassPhase {
    Listing(Option<String>),
    Sweeping(Option<ClaimCursor>),
    Over,
}

/// The progress of a pass, shared by all runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassProgress {
    pub revision: u64,
    /// When the pass began, in whole seconds.
    #[serde(with = "whole_seconds")]
    pub pass: Timestamp,
    /// Distinguishes passes with another hash key or policy.
    pub fingerprint: String,
    pub phase: PassPhase,
    pub done: PassTotals,
}

mod whole_seconds {
    use jiff::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(at.as_second())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        Timestamp::from_second(i64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Counts of a pass so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassTotals {
    pub users: u64,
    pub made: u64,
    pub freed: u64,
    /// Number of accounts with a proven address that another account owns and has too.
    pub conflicts: u64,
}

/// When a run begins a pass. A run always continues an unfinished pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassStart {
    Now,
    /// [`PASS_EVERY`] after the begin of the last pass.
    WhenDue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassStatus {
    /// The pass is over, and the next one is not due yet.
    Idle,
    /// The time is up. The next run continues.
    Unfinished,
    Finished,
    /// Another run continues the pass.
    Overtaken,
}

/// The outcome of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RunOutcome {
    pub status: PassStatus,
    /// Totals of the whole pass.
    #[serde(flatten)]
    pub done: PassTotals,
}

/// Two accounts with one proven address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressConflict {
    pub address: AddressKey,
    /// The account that owns the address now.
    pub owner: UserId,
    pub other: UserId,
}

/// Observes a run, for an operator. `()` ignores everything.
pub trait RunObserver: Send + Sync {
    /// Receives the totals of the pass after a page.
    fn page(&self, _done: &PassTotals) {}

    fn conflict(&self, _conflict: AddressConflict) {}
}

impl RunObserver for () {}

/// Reconciles address claims with the pool's users.
#[derive(Debug)]
pub struct ClaimReconciler {
    settings: UniqueSettings,
    users: Arc<dyn PoolUsers>,
    claims: Arc<dyn AddressClaims>,
    scan: Arc<dyn ClaimScan>,
    clock: Arc<dyn Clock>,
}

impl ClaimReconciler {
    pub fn new(
        settings: UniqueSettings,
        users: Arc<dyn PoolUsers>,
        claims: Arc<dyn AddressClaims>,
        scan: Arc<dyn ClaimScan>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { settings, users, claims, scan, clock }
    }

    /// Continues the pass, or begins the next one, until `deadline`. A run finishes a page of users
    /// that it has begun, so it can exceed `deadline` by one page.
    pub async fn run(
        &self,
        start: PassStart,
        deadline: Timestamp,
        observer: &dyn RunObserver,
    ) -> Result<RunOutcome, PortError> {
        let fingerprint = self.settings.fingerprint();
        let kept = self.scan.progress().await?;
        let mut seen = kept.as_ref().map(|kept| kept.revision);
        let begun = self.clock.now();
        let is_due =
            |kept: &PassProgress| start == PassStart::Now || begun.duration_since(kept.pass) >= PASS_EVERY;
        let mut progress = match kept {
            Some(kept)
                if kept.fingerprint == fingerprint && (kept.phase != PassPhase::Over || !is_due(&kept)) =>
            {
                kept
            }
            kept => PassProgress {
                revision: kept.map_or(0, |kept| kept.revision),
                // Claims store the second in which they were made.
                pass: Timestamp::from_second(begun.as_second()).unwrap_or(begun),
                fingerprint,
                phase: PassPhase::Listing(None),
                done: PassTotals::default(),
            },
        };
        if progress.phase == PassPhase::Over {
            return Ok(RunOutcome { status: PassStatus::Idle, done: progress.done });
        }
        while self.clock.now() < deadline && progress.phase != PassPhase::Over {
            match progress.phase.clone() {
                PassPhase::Listing(place) => self.list(&mut progress, place.as_deref(), observer).await?,
                PassPhase::Sweeping(place) => self.sweep(&mut progress, place.as_ref(), deadline).await?,
                PassPhase::Over => {}
            }
            progress.revision += 1;
            if !self.scan.keep(&progress, seen).await? {
                return Ok(RunOutcome { status: PassStatus::Overtaken, done: progress.done });
            }
            seen = Some(progress.revision);
            observer.page(&progress.done);
        }
        let is_over = progress.phase == PassPhase::Over;
        let status = if is_over { PassStatus::Finished } else { PassStatus::Unfinished };
        Ok(RunOutcome { status, done: progress.done })
    }

    /// Handles one page of users.
    async fn list(
        &self,
        progress: &mut PassProgress,
        place: Option<&str>,
        observer: &dyn RunObserver,
    ) -> Result<(), PortError> {
        let Some(page) = self.users.page(place).await? else {
            if place.is_none() {
                return Err(PortError::new("claims.list", "the first page is not known"));
            }
            progress.phase = PassPhase::Listing(None);
            return Ok(());
        };
        let known: Vec<_> = page.users.iter().flat_map(|user| user.addresses(&self.settings)).collect();
        for chunk in known.chunks(PARALLEL) {
            let work = chunk.iter().map(|known| self.see(known, progress.pass, observer));
            for done in try_join_all(work).await? {
                progress.done.made += done.made;
                progress.done.freed += done.freed;
                progress.done.conflicts += done.conflicts;
            }
        }
        progress.done.users += u64::try_from(page.users.len()).unwrap_or_default();
        progress.phase = page.next.map_or(PassPhase::Sweeping(None), |next| PassPhase::Listing(Some(next)));
        Ok(())
    }

    /// Handles one address of one user.
    async fn see(
        &self,
        known: &KnownAddress,
        pass: Timestamp,
        observer: &dyn RunObserver,
    ) -> Result<PassTotals, PortError> {
        let mut done = PassTotals::default();
        let conflict = |owner: &UserId, other: &UserId| {
            let (owner, other) = (owner.clone(), other.clone());
            observer.conflict(AddressConflict { address: known.address.clone(), owner, other });
            1
        };
        let mut younger = None;
        loop {
            let (owner, since) = match self.scan.reconcile_claim(known, pass, self.clock.now()).await? {
                ClaimOutcome::OwnedByOther { owner, since } => (owner, since),
                ClaimOutcome::Created => {
                    match &younger {
                        Some(younger) => done.conflicts += conflict(&known.user, younger),
                        None => done.made += 1,
                    }
                    return Ok(done);
                }
                ClaimOutcome::Owned | ClaimOutcome::Unproven => return Ok(done),
            };
            // The owner of a claim from before the pass keeps it, if the owner still has the address. The
            // oldest account gets a claim that was made during the pass.
            match self.find(&owner, &known.address).await? {
                None if since < pass => {
                    done.freed += u64::from(self.claims.release(&known.address, &owner).await?);
                }
                Some(held) if since >= pass && known.is_older_than(&held) => {
                    if self.claims.release(&known.address, &owner).await? {
                        younger = Some(owner);
                    }
                }
                Some(_) => {
                    done.conflicts += conflict(&owner, &known.user);
                    return Ok(done);
                }
                // The owner lost the address during this pass. The next pass settles the claim.
                None => return Ok(done),
            }
        }
    }

    /// Handles one page of claims, or a part of it if the time is up. A repeated page contains only the
    /// remaining claims.
    async fn sweep(
        &self,
        progress: &mut PassProgress,
        place: Option<&ClaimCursor>,
        deadline: Timestamp,
    ) -> Result<(), PortError> {
        let (unseen, next) = self.scan.unseen(progress.pass, place).await?;
        for chunk in unseen.chunks(PARALLEL) {
            if self.clock.now() >= deadline {
                return Ok(());
            }
            let freed = try_join_all(chunk.iter().map(|claim| self.free(claim))).await?;
            progress.done.freed += freed.into_iter().map(u64::from).sum::<u64>();
        }
        progress.phase = next.map_or(PassPhase::Over, |next| PassPhase::Sweeping(Some(next)));
        Ok(())
    }

    async fn free(&self, claim: &StoredClaim) -> Result<bool, PortError> {
        // The listing was not of one moment, so we look a user up before freeing their claim.
        if self.find(&claim.owner, &claim.address).await?.is_some() {
            return Ok(false);
        }
        self.claims.release(&claim.address, &claim.owner).await
    }

    /// Returns the user's address, or `None` if the user does not exist or no longer has it.
    async fn find(&self, user: &UserId, address: &AddressKey) -> Result<Option<KnownAddress>, PortError> {
        let found = self.users.find(user).await?;
        let addresses = found.map(|user| user.addresses(&self.settings)).unwrap_or_default();
        Ok(addresses.into_iter().find(|known| known.address == *address))
    }
}

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use shared::{
    admin::UserItems,
    api_limits::{
        IdempotencyKey, IdempotencyStore, KeyClaim, KeyHolder, KeyRelease, RateCounter, RateCounts,
        RequestHash, StoredResponse,
    },
    assurance::{RecordedSignIn, SignInRecords},
    audit::{AuditAction, AuditEntry, AuditLine, AuditLog, AuditTrail},
    custom_auth::StateKey,
    delivery::{
        BudgetCounter, BudgetCounts, BudgetRefusal, Budgets, Channel, CounterIncrement, Credit, DeliveryId,
        Lease, Reservation, ReservationOutcome, SendHistory, SendLeases, SendOutcome, TrustLevel,
        UnverifiedCodes,
    },
    factors::{
        DeviceId, DeviceLabels, FriendlyDeviceName, VerificationRequests,
        custom::{
            Change, ChangeOutcome, CustomFactorStore, CustomFactors, LastProof, PoolFactorNote, RecoveryHash,
        },
    },
    kernel::{PortError, UserId},
    recovery::{
        AttemptKind, AttemptLimiter, Case, CaseKey, Cases, RecoveryCodes, RedeemOutcome, SwapOutcome,
    },
    sign_in::{Attempt, BackOff, History, SignInHistory, SignInLedger, Subject},
    sign_up::{
        AddressClaim, AddressClaims, AddressKey, CandidateKey, ClaimCursor, ClaimReview, ClaimScan,
        ConfirmedUsers, DAY, KnownAddress, OwnershipClaim, PassProgress, RESERVATION_TIME,
        RESERVATIONS_PER_DAY, Recorded, StoredClaim,
    },
};

use uuid::Uuid;

use crate::challenges_in_memory::SignInState;

/// All ports that keep state, in memory. [`InMemoryTable::fail`] makes all of them fail.
#[derive(Debug, Default)]
pub struct InMemoryTable {
    state: Mutex<State>,
}

/// A copy of all that a table held at one time.
#[derive(Debug, Clone)]
pub struct Snapshot(State);

#[derive(Debug, Default, Clone)]
pub(crate) struct State {
    failing: bool,
    /// The number of reads and writes of sign-ins.
    pub(crate) calls: u32,
    pub(crate) sign_ins: HashMap<StateKey, SignInState>,
    confirmed: HashMap<UserId, Timestamp>,
    attempts: HashMap<Subject, (u32, Timestamp)>,
    addresses: HashMap<AddressKey, Address>,
    reconciliation: Option<PassProgress>,
    completed: HashMap<UserId, Timestamp>,
    resets: HashMap<UserId, Timestamp>,
    audit: Vec<AuditEntry>,
    claims: HashMap<DeliveryId, Claimed>,
    history: HashMap<(UserId, Channel), SendHistory>,
    counters: HashMap<BudgetCounter, Day>,
    pub(crate) custom_factors: HashMap<UserId, CustomFactors>,
    labels: HashMap<UserId, BTreeMap<DeviceId, FriendlyDeviceName>>,
    recorded_sign_ins: Vec<(UserId, RecordedSignIn)>,
    verification_requests: HashMap<(UserId, Channel), Timestamp>,
    counted: HashMap<(RateCounter, Timestamp), u32>,
    requests: HashMap<(UserId, IdempotencyKey), Request>,
    cases: HashMap<CaseKey, Case>,
    tries: HashMap<AttemptKind, Vec<Timestamp>>,
    /// The last recovery code that a recovery used up, with its case.
    spent: HashMap<UserId, (RecoveryHash, CaseKey)>,
}

#[derive(Debug, Clone)]
struct Request {
    hash: RequestHash,
    holder: KeyHolder,
    until: Timestamp,
    ended: Option<StoredResponse>,
}

#[derive(Debug, Default, Clone)]
struct Address {
    owner: Option<UserId>,
    /// The time from which the owner has the address.
    since: Timestamp,
    /// The last reconciliation pass that saw the claim.
    seen: Option<Timestamp>,
    holder: Option<(CandidateKey, Timestamp)>,
    holds: Vec<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Claimed {
    attempts: u32,
    first_seen: Timestamp,
    until: Timestamp,
    outcome: Option<SendOutcome>,
}

/// One day of a counter.
#[derive(Debug, Default, Clone)]
struct Day {
    all: u32,
    open: u32,
    /// All codes and open codes, by hour.
    hours: HashMap<u8, (u32, u32)>,
    unverified: i64,
}

impl Day {
    fn counts(&self, hour: u8) -> BudgetCounts {
        let (in_hour, open_in_hour) = self.hours.get(&hour).copied().unwrap_or_default();
        BudgetCounts {
            day: self.all,
            open_day: self.open,
            hour: in_hour,
            open_hour: open_in_hour,
            unverified: self.unverified,
        }
    }

    fn count(&mut self, increment: &CounterIncrement, add: fn(u32) -> u32, unverified: i64) {
        let (in_hour, open_in_hour) = self.hours.entry(increment.hour).or_default();
        (self.all, *in_hour) = (add(self.all), add(*in_hour));
        if increment.trust < TrustLevel::Established {
            (self.open, *open_in_hour) = (add(self.open), add(*open_in_hour));
        }
        if increment.trust == TrustLevel::Unverified {
            self.unverified += unverified;
        }
    }
}

impl InMemoryTable {
    /// Returns a copy of everything, for [`Self::restore`].
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.lock().clone())
    }

    /// Replaces everything by the copy.
    pub fn restore(&self, snapshot: &Snapshot) {
        *self.lock() = snapshot.0.clone();
    }

    /// Makes every later call fail, as an unreachable table does.
    pub fn fail(&self) {
        self.lock().failing = true;
    }

    pub fn audit(&self) -> Vec<AuditEntry> {
        self.lock().audit.clone()
    }

    /// Returns the outcome of every settled delivery.
    pub fn outcomes(&self) -> Vec<SendOutcome> {
        self.lock().claims.values().filter_map(|claimed| claimed.outcome).collect()
    }

    /// Returns and clears the number of reads and writes of running sign-ins.
    pub fn sign_in_calls(&self) -> u32 {
        std::mem::take(&mut self.lock().calls)
    }

    pub fn last_sign_in(&self, user: &UserId) -> Option<Timestamp> {
        self.lock().completed.get(user).copied()
    }

    /// Notes a proof, as the token gate of custom sign-ins does.
    pub fn note_proof(&self, user: &UserId, proof: LastProof) {
        self.lock().custom_factors.entry(user.clone()).or_default().last_proof = Some(proof);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> Result<MutexGuard<'_, State>, PortError> {
        let state = self.lock();
        if state.failing { Err(PortError::new("table", "told to fail")) } else { Ok(state) }
    }
}

#[async_trait]
impl ConfirmedUsers for InMemoryTable {
    async fn record(&self, user: &UserId, at: Timestamp) -> Result<Recorded, PortError> {
        let mut state = self.state()?;
        if state.confirmed.contains_key(user) {
            return Ok(Recorded::Before);
        }
        state.confirmed.insert(user.clone(), at);
        Ok(Recorded::First)
    }
}

#[async_trait]
impl AddressClaims for InMemoryTable {
    async fn claim(
        &self,
        address: &AddressKey,
        candidate: &CandidateKey,
        now: Timestamp,
    ) -> Result<AddressClaim, PortError> {
        let mut state = self.state()?;
        let address = state.addresses.entry(address.clone()).or_default();
        if address.owner.is_some() {
            return Ok(AddressClaim::Taken);
        }
        if let Some((holder, until)) = &address.holder
            && now < *until
        {
            return Ok(if holder == candidate { AddressClaim::Reserved } else { AddressClaim::Taken });
        }
        address.holds.retain(|hold| *hold > now.saturating_sub(DAY).expect("in range"));
        if address.holds.len() >= RESERVATIONS_PER_DAY {
            return Ok(AddressClaim::Unreserved);
        }
        address.holds.push(now);
        address.holder = Some((candidate.clone(), now.saturating_add(RESERVATION_TIME).expect("in range")));
        Ok(AddressClaim::Reserved)
    }

    async fn confirm(
        &self,
        address: &AddressKey,
        owner: &UserId,
        now: Timestamp,
    ) -> Result<OwnershipClaim, PortError> {
        let mut state = self.state()?;
        let address = state.addresses.entry(address.clone()).or_default();
        match &address.owner {
            Some(known) if known != owner => return Ok(OwnershipClaim::Conflict),
            Some(_) => {}
            None => {
                *address = Address { owner: Some(owner.clone()), since: now, ..Address::default() };
            }
        }
        Ok(OwnershipClaim::Owned)
    }

    async fn release(&self, address: &AddressKey, owner: &UserId) -> Result<bool, PortError> {
        let mut state = self.state()?;
        let is_theirs = state.addresses.get(address).is_some_and(|kept| kept.owner.as_ref() == Some(owner));
        if is_theirs {
            state.addresses.remove(address);
        }
        Ok(is_theirs)
    }
}

#[async_trait]
impl ClaimScan for InMemoryTable {
    async fn progress(&self) -> Result<Option<PassProgress>, PortError> {
        Ok(self.state()?.reconciliation.clone())
    }

    async fn keep(&self, progress: &PassProgress, after: Option<u64>) -> Result<bool, PortError> {
        let mut state = self.state()?;
        let is_last = state.reconciliation.as_ref().map(|kept| kept.revision) == after;
        if is_last {
            state.reconciliation = Some(progress.clone());
        }
        Ok(is_last)
    }

    async fn review(
        &self,
        known: &KnownAddress,
        pass: Timestamp,
        now: Timestamp,
    ) -> Result<ClaimReview, PortError> {
        let mut state = self.state()?;
        if !known.is_proven {
            let Some(address) = state.addresses.get_mut(&known.address) else {
                return Ok(ClaimReview::NotTheirs);
            };
            let is_theirs = address.owner.as_ref() == Some(&known.user);
            address.seen = if is_theirs { Some(pass) } else { address.seen };
            return Ok(if is_theirs { ClaimReview::Right } else { ClaimReview::NotTheirs });
        }
        let address = state.addresses.entry(known.address.clone()).or_default();
        match &address.owner {
            Some(owner) if *owner != known.user => {
                Ok(ClaimReview::Others { owner: owner.clone(), since: address.since })
            }
            Some(_) => {
                address.seen = Some(pass);
                Ok(ClaimReview::Right)
            }
            None => {
                let owner = Some(known.user.clone());
                *address = Address { owner, since: now, seen: Some(pass), ..Address::default() };
                Ok(ClaimReview::Made)
            }
        }
    }

    async fn unseen(
        &self,
        pass: Timestamp,
        after: Option<&ClaimCursor>,
    ) -> Result<(Vec<StoredClaim>, Option<ClaimCursor>), PortError> {
        /// Small, so that a few claims fill several pages.
        const PAGE: usize = 4;
        let state = self.state()?;
        let mut claims: Vec<_> = state.addresses.iter().collect();
        claims.sort_by_key(|(key, _)| key.as_str());
        claims.retain(|(key, _)| after.is_none_or(|after| key.as_str() > after.pk.as_str()));
        let next = claims
            .get(PAGE - 1)
            .filter(|_| claims.len() > PAGE)
            .map(|(key, _)| ClaimCursor { pk: key.as_str().to_owned(), sk: String::new() });
        claims.truncate(PAGE);
        let is_unseen =
            |address: &Address| address.since < pass && address.seen.is_none_or(|seen| seen < pass);
        let unseen = claims.into_iter().filter(|(_, address)| is_unseen(address));
        let kept = unseen.filter_map(|(key, address)| {
            Some(StoredClaim { address: key.clone(), owner: address.owner.clone()?, since: address.since })
        });
        Ok((kept.collect(), next))
    }
}

#[async_trait]
impl SignInLedger for InMemoryTable {
    async fn count_attempt(&self, subject: &Subject, at: Timestamp) -> Result<u32, PortError> {
        let mut state = self.state()?;
        let (attempts, last) = state.attempts.entry(subject.clone()).or_insert((0, at));
        (*attempts, *last) = (*attempts + 1, at);
        Ok(*attempts)
    }

    async fn attempt(
        &self,
        subject: &Subject,
        back_off: &BackOff,
        at: Timestamp,
    ) -> Result<Attempt, PortError> {
        let mut state = self.state()?;
        let (attempts, last) = state.attempts.entry(subject.clone()).or_insert((0, at));
        if at.duration_since(*last) >= back_off.window() {
            *attempts = 0;
        }
        if at.duration_since(*last) < back_off.wait(*attempts) {
            return Ok(Attempt::Refused);
        }
        (*attempts, *last) = (*attempts + 1, at);
        Ok(Attempt::Counted(*attempts))
    }

    async fn complete(&self, user: &UserId, at: Timestamp) -> Result<(), PortError> {
        let mut state = self.state()?;
        state.attempts.remove(&Subject::User(user.clone()));
        state.completed.insert(user.clone(), at);
        Ok(())
    }

    async fn reset(&self, user: &UserId) -> Result<(), PortError> {
        self.state()?.attempts.remove(&Subject::User(user.clone()));
        Ok(())
    }

    async fn password_reset(&self, user: &UserId, at: Timestamp) -> Result<(), PortError> {
        let mut state = self.state()?;
        state.attempts.remove(&Subject::User(user.clone()));
        state.resets.insert(user.clone(), at);
        Ok(())
    }
}

#[async_trait]
impl SignInHistory for InMemoryTable {
    async fn history(&self, user: &UserId) -> Result<History, PortError> {
        let state = self.state()?;
        let of = |times: &HashMap<UserId, Timestamp>| {
            times.get(user).and_then(|at| Timestamp::from_second(at.as_second()).ok())
        };
        Ok(History { signed_in_at: of(&state.completed), password_reset_at: of(&state.resets) })
    }
}

#[async_trait]
impl AuditTrail for InMemoryTable {
    async fn append(&self, entry: &AuditEntry) -> Result<(), PortError> {
        let mut state = self.state()?;
        if state.audit.iter().all(|kept| kept.id != entry.id) {
            state.audit.push(entry.clone());
        }
        Ok(())
    }
}

fn name(action: AuditAction) -> &'static str {
    match action {
        AuditAction::TotpStarted { .. } => "totp-started",
        AuditAction::TotpVerified => "totp-verified",
        AuditAction::PreferenceChanged { .. } => "preference-changed",
        AuditAction::CustomFactor { event, .. } => event.name(),
        AuditAction::NewDeviceUsed => "new-device-used",
        AuditAction::Recovery { event } => event.name(),
        AuditAction::Admin { event } => event.name(),
        AuditAction::MessageNotSent { .. } => "message-not-sent",
    }
}

#[async_trait]
impl AuditLog for InMemoryTable {
    async fn newest(
        &self,
        user: &UserId,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<AuditLine>, PortError> {
        let state = self.state()?;
        let mut lines: Vec<_> = state
            .audit
            .iter()
            .filter(|entry| entry.user == *user && before.is_none_or(|before| entry.id < before))
            .map(|entry| AuditLine {
                id: entry.id,
                at: entry.at,
                action: name(entry.action).to_owned(),
                factor: match entry.action {
                    AuditAction::PreferenceChanged { factor, .. } => Some(factor),
                    _ => None,
                },
            })
            .collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.id));
        lines.truncate(most);
        Ok(lines)
    }
}

#[async_trait]
impl DeviceLabels for InMemoryTable {
    async fn labels(&self, user: &UserId) -> Result<BTreeMap<DeviceId, FriendlyDeviceName>, PortError> {
        Ok(self.state()?.labels.get(user).cloned().unwrap_or_default())
    }

    async fn label(
        &self,
        user: &UserId,
        id: &DeviceId,
        label: Option<&FriendlyDeviceName>,
    ) -> Result<(), PortError> {
        let mut state = self.state()?;
        let labels = state.labels.entry(user.clone()).or_default();
        match label {
            Some(label) => labels.insert(id.clone(), label.clone()),
            None => labels.remove(id),
        };
        Ok(())
    }
}

#[async_trait]
impl Budgets for InMemoryTable {
    async fn history(&self, user: &UserId, channel: Channel) -> Result<SendHistory, PortError> {
        Ok(self.state()?.history.get(&(user.clone(), channel)).cloned().unwrap_or_default())
    }

    async fn read(
        &self,
        user: &UserId,
        channel: Channel,
        hour: u8,
        counters: &[BudgetCounter],
    ) -> Result<(SendHistory, Vec<Option<BudgetCounts>>), PortError> {
        let history = Budgets::history(self, user, channel).await?;
        let state = self.state()?;
        let seen = counters.iter().map(|counter| Some(state.counters.get(counter)?.counts(hour))).collect();
        Ok((history, seen))
    }

    async fn swap_history(
        &self,
        user: &UserId,
        channel: Channel,
        before: &SendHistory,
        after: &SendHistory,
    ) -> Result<bool, PortError> {
        let mut state = self.state()?;
        let kept = state.history.entry((user.clone(), channel)).or_default();
        if kept.version != before.version {
            return Ok(false);
        }
        *kept = after.clone();
        Ok(true)
    }

    async fn record_completion(
        &self,
        user: &UserId,
        channel: Channel,
        at: Timestamp,
        takes_unverified_codes: bool,
    ) -> Result<Option<UnverifiedCodes>, PortError> {
        let mut state = self.state()?;
        let Some(kept) = state.history.get_mut(&(user.clone(), channel)) else { return Ok(None) };
        kept.completed_at = Some(at);
        kept.version += 1;
        Ok(if takes_unverified_codes { kept.unverified_codes.take() } else { None })
    }

    async fn reserve(&self, reservation: &Reservation<'_>) -> Result<ReservationOutcome, PortError> {
        let Reservation { user, channel, history, increments } = *reservation;
        let swapped = match history {
            Some((before, after)) => Budgets::swap_history(self, user, channel, before, after).await,
            None => Ok(true),
        };
        Ok(ReservationOutcome {
            swapped,
            increments: increments.iter().map(|increment| self.increment(increment)).collect(),
        })
    }

    async fn release_increment(&self, increment: &CounterIncrement) -> Result<(), PortError> {
        if let Some(day) = self.state()?.counters.get_mut(&increment.counter) {
            day.count(increment, |count| count - 1, -1);
        }
        Ok(())
    }

    async fn credit(&self, credit: &Credit) -> Result<(), PortError> {
        let mut state = self.state()?;
        if let Some(day) = state.counters.get_mut(&credit.counter) {
            let left = day.unverified - i64::from(credit.codes);
            if left >= -i64::from(credit.max_credit) {
                day.unverified = left;
            }
        }
        Ok(())
    }
}

impl InMemoryTable {
    fn increment(&self, increment: &CounterIncrement) -> Result<Result<(), BudgetRefusal>, PortError> {
        let mut state = self.state()?;
        let counted = state.counters.get(&increment.counter).map(|day| day.counts(increment.hour));
        if let Some(refused) = increment.limits.refuses(&counted.unwrap_or_default(), increment.trust) {
            return Ok(Err(refused));
        }
        state.counters.entry(increment.counter.clone()).or_default().count(increment, |count| count + 1, 1);
        Ok(Ok(()))
    }
}

#[async_trait]
impl SendLeases for InMemoryTable {
    async fn acquire(&self, id: &DeliveryId, now: Timestamp, until: Timestamp) -> Result<Lease, PortError> {
        let mut state = self.state()?;
        let new = Claimed { attempts: 0, first_seen: now, until: now, outcome: None };
        let claimed = state.claims.entry(id.clone()).or_insert(new);
        if claimed.outcome.is_some() {
            return Ok(Lease::Completed);
        }
        if now < claimed.until {
            return Ok(Lease::Held { until: claimed.until });
        }
        claimed.attempts += 1;
        claimed.until = until;
        Ok(Lease::Acquired { attempt: claimed.attempts, first_seen: claimed.first_seen })
    }

    async fn complete(
        &self,
        id: &DeliveryId,
        attempt: u32,
        outcome: SendOutcome,
        _: Timestamp,
    ) -> Result<(), PortError> {
        let mut state = self.state()?;
        let Some(claimed) = state.claims.get_mut(id) else { return Ok(()) };
        let is_sent = |outcome: &SendOutcome| matches!(outcome, SendOutcome::Sent { .. });
        let counts = if is_sent(&outcome) {
            !claimed.outcome.as_ref().is_some_and(is_sent)
        } else {
            claimed.attempts == attempt && claimed.outcome.is_none()
        };
        if counts {
            claimed.outcome = Some(outcome);
        }
        Ok(())
    }
}

#[async_trait]
impl RateCounts for InMemoryTable {
    async fn count(&self, counter: &RateCounter, start: Timestamp, most: u32) -> Result<bool, PortError> {
        let mut state = self.state()?;
        let calls = state.counted.entry((counter.clone(), start)).or_default();
        let is_counted = *calls < most;
        *calls += u32::from(is_counted);
        Ok(is_counted)
    }
}

#[async_trait]
impl IdempotencyStore for InMemoryTable {
    async fn claim(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &KeyHolder,
        request: &RequestHash,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<KeyClaim, PortError> {
        let mut state = self.state()?;
        let key = (user.clone(), key.clone());
        if let Some(kept) = state.requests.get(&key)
            && now < kept.until
            && kept.holder != *holder
        {
            return Ok(KeyClaim::Taken { request: kept.hash.clone(), ended: kept.ended.clone() });
        }
        let claimed = Request { hash: request.clone(), holder: holder.clone(), until, ended: None };
        state.requests.insert(key, claimed);
        Ok(KeyClaim::Granted)
    }

    async fn store_response(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &KeyHolder,
        ended: &StoredResponse,
        until: Timestamp,
    ) -> Result<KeyRelease, PortError> {
        let mut state = self.state()?;
        let kept = state.requests.get_mut(&(user.clone(), key.clone()));
        let Some(kept) = kept.filter(|kept| kept.holder == *holder) else { return Ok(KeyRelease::TakenOver) };
        (kept.ended, kept.until) = (Some(ended.clone()), until);
        Ok(KeyRelease::Done)
    }

    async fn release(
        &self,
        user: &UserId,
        key: &IdempotencyKey,
        holder: &KeyHolder,
    ) -> Result<KeyRelease, PortError> {
        let mut state = self.state()?;
        let kept = state.requests.get_mut(&(user.clone(), key.clone()));
        let Some(kept) = kept.filter(|kept| kept.holder == *holder) else { return Ok(KeyRelease::TakenOver) };
        kept.until = Timestamp::UNIX_EPOCH;
        Ok(KeyRelease::Done)
    }
}

#[async_trait]
impl CustomFactorStore for InMemoryTable {
    async fn custom_factors(&self, user: &UserId) -> Result<CustomFactors, PortError> {
        Ok(self.state()?.custom_factors.get(user).cloned().unwrap_or_default())
    }

    async fn change(&self, user: &UserId, seen: u64, change: &Change) -> Result<ChangeOutcome, PortError> {
        let mut state = self.state()?;
        let kept = state.custom_factors.entry(user.clone()).or_default();
        let is_used_up = change.step.is_some_and(|step| kept.last_step.is_some_and(|last| step <= last));
        if kept.revision != seen || is_used_up {
            return Ok(ChangeOutcome::Overtaken);
        }
        *kept = kept.changed(change);
        if let Some(sign_ins) = state.sign_ins.get_mut(&StateKey::User(user.clone())) {
            sign_ins.forgive_factors(&change.forgives);
        }
        Ok(ChangeOutcome::Done)
    }

    async fn revoke_devices(&self, user: &UserId) -> Result<(), PortError> {
        let mut state = self.state()?;
        let kept = state.custom_factors.entry(user.clone()).or_default();
        kept.devices.clear();
        (kept.factor_epoch, kept.revision) = (kept.factor_epoch + 1, kept.revision + 1);
        Ok(())
    }

    async fn mark_pool_totp_replaced(&self, user: &UserId, at: Timestamp) -> Result<(), PortError> {
        self.revoke_devices(user).await?;
        self.state()?.custom_factors.entry(user.clone()).or_default().pool_totp_stopped_at = Some(at);
        Ok(())
    }

    async fn note_pool_factor(&self, user: &UserId, note: PoolFactorNote) -> Result<(), PortError> {
        let mut state = self.state()?;
        match note {
            PoolFactorNote::On(since) => {
                let kept = state.custom_factors.entry(user.clone()).or_default();
                if kept.pool_factor_since.is_none() {
                    (kept.pool_factor_since, kept.had_factor) = (Some(since), true);
                }
            }
            PoolFactorNote::Missing => {
                if let Some(kept) = state.custom_factors.get_mut(user)
                    && kept.pool_factor_since.take().is_some()
                {
                    kept.had_factor = true;
                }
            }
            PoolFactorNote::TurnedOff => {
                if let Some(kept) = state.custom_factors.get_mut(user) {
                    kept.pool_factor_since = None;
                    if kept.authenticators.is_empty() && kept.recovery.is_empty() {
                        kept.had_factor = false;
                    }
                }
            }
        }
        Ok(())
    }

    async fn forgive_failures(&self, user: &UserId) -> Result<(), PortError> {
        let mut state = self.state()?;
        if let Some(sign_ins) = state.sign_ins.get_mut(&StateKey::User(user.clone())) {
            sign_ins.forgive();
        }
        Ok(())
    }

    async fn mark_pool_totp_active(&self, user: &UserId) -> Result<(), PortError> {
        if let Some(kept) = self.state()?.custom_factors.get_mut(user) {
            kept.pool_totp_stopped_at = None;
        }
        Ok(())
    }
}

#[async_trait]
impl Cases for InMemoryTable {
    async fn create(&self, key: &CaseKey, case: &Case) -> Result<(), PortError> {
        self.state()?.cases.insert(key.clone(), case.clone());
        Ok(())
    }

    async fn read(&self, key: &CaseKey) -> Result<Option<Case>, PortError> {
        Ok(self.state()?.cases.get(key).cloned())
    }

    async fn swap(&self, key: &CaseKey, seen: u64, after: &Case) -> Result<SwapOutcome, PortError> {
        let mut state = self.state()?;
        match state.cases.get_mut(key) {
            Some(case) if case.revision == seen => {
                *case = after.clone();
                Ok(SwapOutcome::Done)
            }
            _ => Ok(SwapOutcome::Overtaken),
        }
    }
}

#[async_trait]
impl AttemptLimiter for InMemoryTable {
    async fn admit(&self, attempt: &AttemptKind, most: u32, now: Timestamp) -> Result<bool, PortError> {
        let mut state = self.state()?;
        let tries = state.tries.entry(attempt.clone()).or_default();
        tries.retain(|at| now.duration_since(*at) < SignedDuration::from_hours(1));
        let is_admitted = tries.len() < usize::try_from(most).expect("a small number");
        if is_admitted {
            tries.push(now);
        }
        Ok(is_admitted)
    }
}

#[async_trait]
impl RecoveryCodes for InMemoryTable {
    async fn redeem(
        &self,
        user: &UserId,
        hash: &RecoveryHash,
        case: &CaseKey,
    ) -> Result<RedeemOutcome, PortError> {
        let mut state = self.state()?;
        let mine = (hash.clone(), case.clone());
        if state.custom_factors.get_mut(user).is_some_and(|factors| factors.recovery.remove(hash)) {
            state.spent.insert(user.clone(), mine);
            return Ok(RedeemOutcome::Done);
        }
        Ok(if state.spent.get(user) == Some(&mine) { RedeemOutcome::Done } else { RedeemOutcome::Unknown })
    }
}

#[async_trait]
impl UserItems for InMemoryTable {
    async fn lines(
        &self,
        user: &UserId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Map<String, Value>>, PortError> {
        let state = self.state()?;
        let mut lines: Vec<_> = state
            .audit
            .iter()
            .filter(|entry| entry.user == *user && (from..until).contains(&entry.at))
            .collect();
        lines.sort_by_key(|entry| entry.id);
        let line = |entry: &&AuditEntry| {
            let mut line = Map::new();
            line.insert("id".to_owned(), json!(entry.id.to_string()));
            line.insert("at".to_owned(), json!(entry.at.to_string()));
            line.insert("action".to_owned(), json!(name(entry.action)));
            if let Some(by) = &entry.by {
                line.insert("by".to_owned(), json!(by.user.as_str()));
                line.extend(by.reason.iter().map(|reason| ("reason".to_owned(), json!(reason))));
            }
            line
        };
        Ok(lines.iter().map(line).collect())
    }

    async fn erase(&self, user: &UserId) -> Result<usize, PortError> {
        let mut state = self.state()?;
        let factors = state.custom_factors.remove(user).map_or(0, |_| 1);
        let attempts = state.attempts.remove(&Subject::User(user.clone())).map_or(0, |_| 1);
        Ok(factors + attempts)
    }
}

#[async_trait]
impl SignInRecords for InMemoryTable {
    async fn record(&self, user: &UserId, sign_in: &RecordedSignIn) -> Result<(), PortError> {
        let mut state = self.state()?;
        let recorded = (user.clone(), sign_in.clone());
        if !state.recorded_sign_ins.contains(&recorded) {
            state.recorded_sign_ins.push(recorded);
        }
        Ok(())
    }

    async fn recorded(
        &self,
        user: &UserId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<RecordedSignIn>, PortError> {
        let state = self.state()?;
        let recorded = state.recorded_sign_ins.iter().filter(|(of, recorded)| {
            of == user && (from.as_second()..=until.as_second()).contains(&recorded.at.as_second())
        });
        Ok(recorded.map(|(_, recorded)| recorded.clone()).collect())
    }
}

#[async_trait]
impl VerificationRequests for InMemoryTable {
    async fn take(
        &self,
        user: &UserId,
        channel: Channel,
        now: Timestamp,
        free_since: Timestamp,
    ) -> Result<bool, PortError> {
        let mut state = self.state()?;
        let key = (user.clone(), channel);
        if state.verification_requests.get(&key).is_some_and(|asked_at| *asked_at > free_since) {
            return Ok(false);
        }
        state.verification_requests.insert(key, now);
        Ok(true)
    }

    async fn give_back(&self, user: &UserId, channel: Channel, taken_at: Timestamp) -> Result<(), PortError> {
        let mut state = self.state()?;
        let key = (user.clone(), channel);
        if state.verification_requests.get(&key) == Some(&taken_at) {
            state.verification_requests.remove(&key);
        }
        Ok(())
    }
}

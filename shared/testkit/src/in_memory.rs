mod address_claims;
mod api_limits;
mod audit;
mod delivery;
mod factors;
mod recovery;
mod sign_in;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use mfa_core::{
    api_limits::{IdempotencyKey, RateCounter},
    assurance::RecordedSignIn,
    audit::AuditEntry,
    custom_auth::port::StateKey,
    delivery::{
        Channel,
        send_leases::{DeliveryId, SendOutcome},
        toll_fraud::{BudgetCounter, SendHistory},
    },
    factors::{
        custom::{CustomFactors, LastProof, RecoveryHash},
        devices::DeviceId,
        enrolment::FriendlyDeviceName,
    },
    kernel::{PortError, UserId},
    recovery::{CaseKey, case::Case, port::AttemptKind},
    sign_in::Subject,
    sign_up::{AddressKey, claim_reconciler::PassProgress},
};

use self::{
    address_claims::Address,
    api_limits::Request,
    delivery::{Claimed, Day},
};
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

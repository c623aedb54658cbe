//! Consecutive runs of the claim reconciliation over a pool in memory.

#![expect(clippy::unwrap_used, reason = "a test fails where its own steps do")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    config,
    kernel::{Clock as _, EmailAddress, PortError, UserId},
    sign_up::{
        AddressClaim, AddressClaims as _, CandidateKey, ListedUser, UniqueSettings,
        claim_reconciler::{
            AddressConflict, ClaimReconciler, PassStart, PassStatus, PassTotals, PoolUsers, RunObserver,
            RunOutcome, UsersPage,
        },
    },
};
use mfa_testkit::{InMemoryTable, ManualClock};

const PAGE: usize = 3;

/// Users by name, with their addresses and the second of their creation. Each page takes a second.
#[derive(Debug)]
struct Pool {
    users: Mutex<BTreeMap<String, (String, i64)>>,
    clock: Arc<ManualClock>,
    /// Whether the next request for a page fails once because its position is unknown.
    forgets: Mutex<bool>,
    /// The user and the address that the pool gains after the listing.
    late: Mutex<Option<(String, String)>>,
}

impl Pool {
    fn user(name: &str, (email, created): &(String, i64)) -> ListedUser {
        let attribute = |asked: &str| match asked {
            "email" => Some(email.as_str()),
            "email_verified" => Some("true"),
            _ => None,
        };
        let created = Timestamp::from_second(*created).unwrap();
        ListedUser::new(UserId::parse(name).unwrap(), created, Some("CONFIRMED"), attribute)
    }

    fn set(&self, name: &str, email: &str) {
        self.set_created(name, email, 0);
    }

    fn set_created(&self, name: &str, email: &str, created: i64) {
        self.users.lock().unwrap().insert(name.to_owned(), (email.to_owned(), created));
    }

    fn remove(&self, name: &str) {
        self.users.lock().unwrap().remove(name);
    }
}

#[async_trait]
impl PoolUsers for Pool {
    async fn page(&self, place: Option<&str>) -> Result<Option<UsersPage>, PortError> {
        self.clock.advance(SignedDuration::from_secs(1));
        if place.is_some() && std::mem::take(&mut *self.forgets.lock().unwrap()) {
            return Ok(None);
        }
        let users = self.users.lock().unwrap().clone();
        let mut rest = users.iter().filter(|(name, _)| place.is_none_or(|place| name.as_str() >= place));
        let page: Vec<_> = rest.by_ref().take(PAGE).map(|(name, user)| Self::user(name, user)).collect();
        let next = rest.next().map(|(name, _)| name.clone());
        if next.is_none()
            && let Some((name, email)) = self.late.lock().unwrap().take()
        {
            self.set(&name, &email);
        }
        Ok(Some(UsersPage { users: page, next }))
    }

    async fn find(&self, user: &UserId) -> Result<Option<ListedUser>, PortError> {
        let users = self.users.lock().unwrap();
        Ok(users.get(user.as_str()).map(|found| Self::user(user.as_str(), found)))
    }
}

struct Stage {
    pool: Arc<Pool>,
    table: Arc<InMemoryTable>,
    clock: Arc<ManualClock>,
}

impl Stage {
    fn new(users: usize) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_second(1_767_323_045).unwrap()));
        let pool = Pool {
            users: Mutex::default(),
            clock: clock.clone(),
            forgets: Mutex::default(),
            late: Mutex::default(),
        };
        for user in 0..users {
            pool.set(&format!("user-{user:02}"), &format!("user.{user}@example.com"));
        }
        Self { pool: Arc::new(pool), table: Arc::default(), clock }
    }

    fn settings() -> UniqueSettings {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.toml"), "[sign_up.unique]\nemail = true\n").unwrap();
        let lookup = |name: &str| match name {
            "MFA_CONFIG_DIR" => Some(folder.path().to_str().unwrap().to_owned()),
            "MFA_HASH_KEY" => Some("k".repeat(32)),
            _ => None,
        };
        config::load(&lookup, UniqueSettings::read).unwrap().unwrap()
    }

    fn reconciler(&self) -> ClaimReconciler {
        let (pool, table) = (self.pool.clone(), self.table.clone());
        ClaimReconciler::new(Self::settings(), pool, table.clone(), table, self.clock.clone())
    }

    /// Runs the reconciliation for the given number of seconds.
    async fn run(&self, seconds: i64) -> RunOutcome {
        let deadline = self.clock.now().saturating_add(SignedDuration::from_secs(seconds)).unwrap();
        self.reconciler().run(PassStart::WhenDue, deadline, &()).await.unwrap()
    }

    /// Completes a pass, a day after the last one.
    async fn pass(&self) -> PassTotals {
        self.clock.advance(SignedDuration::from_hours(24));
        let run = self.run(3_600).await;
        assert_eq!(run.status, PassStatus::Finished);
        run.done
    }

    /// Ends the claim of the user on the address. Returns false if another user has it.
    async fn release(&self, email: &str, owner: &str) -> bool {
        let keys = Self::settings().keys(Some(&EmailAddress::parse(email).unwrap()), None);
        self.table.release(keys.first().unwrap(), &UserId::parse(owner).unwrap()).await.unwrap()
    }

    /// Returns whether a new user could have the address.
    async fn is_free(&self, email: &str) -> bool {
        let email = EmailAddress::parse(email).unwrap();
        let keys = Self::settings().keys(Some(&email), None);
        let candidate = CandidateKey::new(format!("{email:?}"));
        let claim = self.table.claim(keys.first().unwrap(), &candidate, self.clock.now()).await.unwrap();
        claim != AddressClaim::Taken
    }
}

#[tokio::test]
async fn a_pass_that_takes_many_runs_goes_on_where_the_last_one_ended() {
    let stage = Stage::new(20);
    let mut runs = Vec::new();
    loop {
        // Each run of two seconds reads two pages.
        let run = stage.run(2).await;
        runs.push(run.done.users);
        if run.status == PassStatus::Finished {
            assert_eq!(run.done, PassTotals { users: 20, made: 20, freed: 0, conflicts: 0 });
            break;
        }
        assert_eq!(run.status, PassStatus::Unfinished);
    }
    assert_eq!(runs, [6, 12, 18, 20], "no page twice, none left out");
    assert_eq!(stage.run(60).await.status, PassStatus::Idle, "until a day has passed");
    assert!(!stage.is_free("user.7@example.com").await);
    assert_eq!(stage.pass().await, PassTotals { users: 20, ..PassTotals::default() });
}

#[tokio::test]
async fn what_fires_no_trigger_is_caught_up_on() {
    let stage = Stage::new(9);
    stage.pass().await;
    stage.pool.remove("user-01");
    stage.pool.set("user-02", "moved@example.com");
    // The heir has the address of a user who is gone.
    stage.pool.remove("user-03");
    stage.pool.set("user-08", "user.3@example.com");
    // This user has the address of a user who still has it.
    stage.pool.set("user-07", "user.0@example.com");
    let done = stage.pass().await;
    // The pass frees the claims of 1 and 2, that of 3 for the heir, and the old ones of 7 and 8. It makes
    // claims for 2 and the heir.
    assert_eq!(done, PassTotals { users: 7, made: 2, freed: 5, conflicts: 1 });
    for (email, is_free) in [
        ("user.1@example.com", true),
        ("user.2@example.com", true),
        ("moved@example.com", false),
        ("user.3@example.com", false),
        ("user.7@example.com", true),
        ("user.0@example.com", false),
    ] {
        assert_eq!(stage.is_free(email).await, is_free, "{email}");
    }
}

/// Collects the owner and the other account of each conflict.
#[derive(Default)]
struct Conflicts(Mutex<Vec<(String, String)>>);

impl RunObserver for Conflicts {
    fn conflict(&self, AddressConflict { owner, other, .. }: AddressConflict) {
        self.0.lock().unwrap().push((owner.as_str().to_owned(), other.as_str().to_owned()));
    }
}

#[tokio::test]
async fn of_accounts_with_an_unclaimed_address_the_oldest_gets_it() {
    let stage = Stage::new(0);
    // Two pages. The pool lists the youngest first.
    for (name, created) in [("a", 60), ("b", 50), ("c", 40), ("d", 20), ("e", 30)] {
        stage.pool.set_created(name, "shared@example.com", created);
    }
    let conflicts = Conflicts::default();
    let deadline = stage.clock.now().saturating_add(SignedDuration::from_hours(1)).unwrap();
    let run = stage.reconciler().run(PassStart::WhenDue, deadline, &conflicts).await.unwrap();
    assert_eq!(run.done, PassTotals { users: 5, made: 1, freed: 0, conflicts: 4 });
    let found = conflicts.0.into_inner().unwrap();
    let found: Vec<_> = found.iter().map(|(owner, other)| (owner.as_str(), other.as_str())).collect();
    assert_eq!(found, [("b", "a"), ("c", "b"), ("d", "c"), ("d", "e")]);
    // An older account gets no claim from before the pass.
    stage.pool.set_created("f", "shared@example.com", 10);
    assert_eq!(stage.pass().await, PassTotals { users: 6, made: 0, freed: 0, conflicts: 5 });
    assert!(stage.release("shared@example.com", "d").await);
}

#[tokio::test]
async fn an_operator_begins_a_pass_before_it_is_due() {
    let stage = Stage::new(3);
    stage.pass().await;
    stage.pool.remove("user-01");
    stage.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(stage.run(60).await.status, PassStatus::Idle);
    let deadline = stage.clock.now().saturating_add(SignedDuration::from_mins(1)).unwrap();
    let run = stage.reconciler().run(PassStart::Now, deadline, &()).await.unwrap();
    assert_eq!(run.done, PassTotals { users: 2, made: 0, freed: 1, conflicts: 0 });
}

#[tokio::test]
async fn an_address_regained_before_its_release_stays_claimed() {
    let stage = Stage::new(5);
    stage.pass().await;
    stage.pool.remove("user-02");
    *stage.pool.late.lock().unwrap() = Some(("user-02".to_owned(), "user.2@example.com".to_owned()));
    assert_eq!(stage.pass().await, PassTotals { users: 4, ..PassTotals::default() });
    assert!(!stage.is_free("user.2@example.com").await);
}

#[tokio::test]
async fn a_place_that_the_pool_has_forgotten_begins_the_listing_anew() {
    let stage = Stage::new(7);
    assert_eq!(stage.run(1).await.status, PassStatus::Unfinished);
    *stage.pool.forgets.lock().unwrap() = true;
    let run = stage.run(60).await;
    assert_eq!((run.status, run.done.made, run.done.freed), (PassStatus::Finished, 7, 0));
}

#[tokio::test]
async fn of_two_runs_at_a_time_one_goes_on() {
    let stage = Stage::new(20);
    let deadline = stage.clock.now().saturating_add(SignedDuration::from_hours(1)).unwrap();
    let (one, other) = (stage.reconciler(), stage.reconciler());
    let run = async |reconciler: &ClaimReconciler| reconciler.run(PassStart::WhenDue, deadline, &()).await;
    let (one, other) = futures::join!(run(&one), run(&other));
    let mut statuses = [one.unwrap().status, other.unwrap().status];
    statuses.sort_by_key(|status| *status == PassStatus::Finished);
    assert_ne!(statuses[0], PassStatus::Unfinished);
    assert_eq!(statuses[1], PassStatus::Finished);
    assert!(!stage.is_free("user.19@example.com").await);
}

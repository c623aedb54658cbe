use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    kernel::{EmailAddress, UserId},
    sign_up::{
        AddressClaim, AddressClaims, AddressKey, CandidateKey, FederatedIdentity, FederatedLinks,
        KnownAddress, OwnershipClaim,
        claim_reconciler::{ClaimCursor, ClaimOutcome, ClaimScan, PassPhase, PassProgress, PassTotals},
    },
};

use super::{RACING, user};

/// Checks that an address belongs to one account. Before that, one candidate holds it for ten minutes, at
/// most three times a day.
pub async fn address_claims(port: &dyn AddressClaims) {
    let start = Timestamp::from_second(1_767_323_045).expect("a time within range");
    let after = |minutes| start.saturating_add(SignedDuration::from_mins(minutes)).expect("in range");
    let address = |name: &str| AddressKey::new(format!("address-{name}"));
    let candidate = |number: usize| CandidateKey::new(format!("candidate-{number}"));
    let claim = async |address: &AddressKey, by: usize, at| {
        port.claim(address, &candidate(by), at).await.expect("works")
    };
    let day = 24 * 60;

    let raced = address("raced");
    let names: Vec<_> = (0..RACING).map(candidate).collect();
    let racing = join_all(names.iter().map(|name| port.claim(&raced, name, start))).await;
    let outcomes: Vec<_> = racing.into_iter().map(|outcome| outcome.expect("works")).collect();
    let holder =
        outcomes.iter().position(|outcome| *outcome == AddressClaim::Reserved).expect("one holds it");
    let taken = outcomes.iter().filter(|outcome| **outcome == AddressClaim::Taken).count();
    assert_eq!(taken, RACING - 1, "of {RACING} racing candidates one holds it: {outcomes:?}");
    assert_eq!(claim(&raced, holder, after(9)).await, AddressClaim::Reserved, "its own, again");
    assert_eq!(claim(&raced, 99, after(9)).await, AddressClaim::Taken);
    // The holder has left. The address is free after ten minutes, which the holder's repetition did not
    // prolong.
    assert_eq!(claim(&raced, 99, after(10)).await, AddressClaim::Reserved);
    assert_eq!(claim(&raced, 98, after(20)).await, AddressClaim::Reserved, "the third of the day");
    assert_eq!(claim(&raced, 97, after(29)).await, AddressClaim::Taken);
    for by in [97, 96, holder] {
        assert_eq!(claim(&raced, by, after(30)).await, AddressClaim::Unreserved, "no reservation is left");
    }
    // The oldest of the three reservations is a day old, then the second.
    assert_eq!(claim(&raced, 95, after(day - 1)).await, AddressClaim::Unreserved);
    assert_eq!(claim(&raced, 94, after(day)).await, AddressClaim::Reserved);
    assert_eq!(claim(&raced, 93, after(day + 5)).await, AddressClaim::Taken);
    assert_eq!(claim(&raced, 93, after(day + 10)).await, AddressClaim::Reserved);
    assert_eq!(
        claim(&address("other"), 93, after(day)).await,
        AddressClaim::Reserved,
        "addresses do not share"
    );

    let users: Vec<_> = (0..RACING).map(|number| user(&format!("address-{number}"))).collect();
    let racing = join_all(users.iter().map(|user| port.confirm(&raced, user, after(31)))).await;
    let outcomes: Vec<_> = racing.into_iter().map(|outcome| outcome.expect("works")).collect();
    let owner = outcomes.iter().position(|outcome| *outcome == OwnershipClaim::Owned).expect("one has it");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == OwnershipClaim::Conflict).count(), RACING - 1);
    let confirm = async |number: usize| {
        let user = users.get(number).expect("a user");
        port.confirm(&raced, user, after(40)).await.expect("works")
    };
    assert_eq!(confirm(owner).await, OwnershipClaim::Owned, "however often");
    assert_eq!(confirm((owner + 1) % RACING).await, OwnershipClaim::Conflict);
    assert_eq!(claim(&raced, 1, after(400 * day)).await, AddressClaim::Taken, "for good");

    let freed = address("freed");
    let (owner, other) = (user("address-owner"), user("address-other"));
    let release = async |by: &UserId| port.release(&freed, by).await.expect("works");
    assert!(!release(&owner).await, "there is no claim");
    assert_eq!(port.confirm(&freed, &owner, start).await.expect("works"), OwnershipClaim::Owned);
    assert!(!release(&other).await, "another's");
    assert_eq!(claim(&freed, 1, after(400 * day)).await, AddressClaim::Taken);
    assert!(release(&owner).await);
    assert!(!release(&owner).await, "the claim has ended");
    assert_eq!(claim(&freed, 1, after(400 * day)).await, AddressClaim::Reserved, "as if never claimed");
    assert!(!release(&owner).await, "reserved is not owned");
    assert_eq!(claim(&freed, 2, after(400 * day)).await, AddressClaim::Taken);
}

/// Checks that claims are reviewed, marked and found again, and that all see one progress of a pass.
pub async fn claim_scan_contract(claims: &dyn AddressClaims, scan: &dyn ClaimScan) {
    let at = |second: i64| Timestamp::from_second(1_767_323_045 + second).expect("a time within range");
    let address = |name: &str| AddressKey::new(format!("review-{name}"));
    let known = |name: &str, by: &str, is_proven: bool| KnownAddress {
        address: address(name),
        user: user(&format!("review-{by}")),
        created: at(0),
        is_proven,
    };
    let look = async |known: KnownAddress, pass: i64, now: i64| {
        scan.reconcile_claim(&known, at(pass), at(now)).await.expect("works")
    };
    let unseen = async |pass: i64| {
        let (mut found, mut place) = (Vec::new(), None);
        loop {
            let (page, next) = scan.unseen(at(pass), place.as_ref()).await.expect("works");
            // Other tests keep claims in the same table.
            found.extend(page.into_iter().filter(|kept| kept.address.as_str().starts_with("review-")));
            let Some(next) = next else { break };
            place = Some(next);
        }
        let mut found: Vec<_> = found
            .into_iter()
            .map(|kept| (kept.address.as_str().to_owned(), kept.since.as_second() - at(0).as_second()))
            .collect();
        found.sort();
        found
    };
    for (number, name) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
        let since = i64::try_from(number).expect("small");
        let owned = claims.confirm(&address(name), &user("review-alex"), at(since)).await.expect("works");
        assert_eq!(owned, OwnershipClaim::Owned);
    }
    let owner = user("review-alex");
    assert_eq!(look(known("a", "alex", true), 4, 9).await, ClaimOutcome::Owned);
    assert_eq!(
        look(known("b", "alex", false), 4, 9).await,
        ClaimOutcome::Owned,
        "whose it is keeps it, unproven"
    );
    assert_eq!(look(known("c", "sam", true), 4, 9).await, ClaimOutcome::OwnedByOther { owner, since: at(2) });
    assert_eq!(look(known("d", "sam", false), 4, 9).await, ClaimOutcome::Unproven);
    assert_eq!(look(known("none", "sam", false), 4, 9).await, ClaimOutcome::Unproven, "and none is made");
    assert_eq!(look(known("new", "sam", true), 4, 9).await, ClaimOutcome::Created);
    assert_eq!(look(known("new", "sam", true), 4, 10).await, ClaimOutcome::Owned, "since it was made");
    let held = CandidateKey::new("review-candidate".to_owned());
    claims.claim(&address("held"), &held, at(0)).await.expect("works");
    assert_eq!(
        unseen(4).await,
        [("review-c".to_owned(), 2), ("review-d".to_owned(), 3)],
        "e and f are young"
    );
    let all = ["a", "b", "c", "d", "e", "f", "new"].map(|name| format!("review-{name}"));
    let found: Vec<_> = unseen(20).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(found, all, "a pass sees nothing of the one before");
    // A reservation gives way to a proven address.
    assert_eq!(look(known("held", "sam", true), 20, 21).await, ClaimOutcome::Created);
    let candidate = CandidateKey::new("review-other".to_owned());
    let claimed = claims.claim(&address("held"), &candidate, at(90_000)).await.expect("works");
    assert_eq!(claimed, AddressClaim::Taken);

    assert_eq!(scan.progress().await.expect("works"), None);
    let progress = |revision: u64, phase: PassPhase| PassProgress {
        revision,
        pass: at(4),
        fingerprint: "f".to_owned(),
        phase,
        done: PassTotals { users: 60, made: 1, freed: 2, conflicts: 3 },
    };
    let keep =
        async |progress: &PassProgress, after: Option<u64>| scan.keep(progress, after).await.expect("works");
    let first = progress(1, PassPhase::Listing(Some("token".to_owned())));
    let racing = join_all((0..RACING).map(|_| scan.keep(&first, None))).await;
    assert_eq!(racing.into_iter().filter(|kept| matches!(kept, Ok(true))).count(), 1, "one begins a pass");
    let second =
        progress(2, PassPhase::Sweeping(Some(ClaimCursor { pk: "p".to_owned(), sk: "s".to_owned() })));
    assert!(!keep(&second, None).await && !keep(&second, Some(7)).await);
    assert_eq!(scan.progress().await.expect("works"), Some(first));
    assert!(keep(&second, Some(1)).await);
    assert!(!keep(&second, Some(1)).await);
    assert_eq!(scan.progress().await.expect("works"), Some(second));
}

/// Checks the links of identities. The accounts are `alex` (alex@example.com), and `one`, `two` and `three`
/// (many@example.com). The port finds at most two accounts of an address. The account found gets the identity
/// `1000` of Google.
pub async fn federated_links(port: &dyn FederatedLinks, user_pool_id: &str) {
    let accounts = async |email: &str| {
        let email = EmailAddress::parse(email).expect("an address");
        port.accounts(user_pool_id, &email).await.expect("works")
    };
    assert_eq!(accounts("alex@example.com").await, ["alex"]);
    assert_eq!(accounts("nobody@example.com").await, Vec::<String>::new());
    assert_eq!(accounts("many@example.com").await.len(), 2, "more are not counted");
    let identity = FederatedIdentity { provider: "Google".into(), subject: "1000".into() };
    port.link(user_pool_id, "alex", &identity).await.expect("works");
    assert!(port.link(user_pool_id, "nobody", &identity).await.is_err(), "no such account");
}

use futures::future::join_all;
use jiff::Timestamp;
use mfa_core::{
    factors::{
        custom::{
            Authenticator, Change, ChangeOutcome, CustomFactorStore, CustomFactors, DeviceKey, FactorId,
            MessageCodeSetting, MessageCodes, PasskeyRegistration, PoolFactorNote, RecoveryHash, SealedSeed,
            Seeds, TotpSeed, TrustedDevice,
            passkey::{Passkey, PasskeyCredential},
        },
        enrolment::FriendlyDeviceName,
    },
    kernel::UserId,
};

use super::{RACING, user};
use crate::SeededEntropy;

/// Checks that custom factors are read as they were written, and that one of racing changes succeeds. A time
/// step is used up once, and revoked devices are absent.
pub async fn custom_factors(port: &dyn CustomFactorStore) {
    let (alex, sam) = (user("own-alex"), user("own-sam"));
    let kept = async |user: &UserId| port.custom_factors(user).await.expect("works");
    let change = async |seen, change: &Change| port.change(&alex, seen, change).await.expect("works");
    assert_eq!(kept(&alex).await, CustomFactors::default(), "nothing is set up");

    let at = |second| Timestamp::from_second(second).expect("a time");
    let id = |digit: char| FactorId::parse(&String::from(digit).repeat(32)).expect("an id");
    let name = |text| FriendlyDeviceName::parse(text).expect("a name");
    let phone = Authenticator {
        name: name("Phone"),
        seed: SealedSeed::new(vec![0, 255, 7]),
        created_at: at(10),
        is_confirmed: false,
    };
    let start = Change { authenticators: Some([(id('a'), phone.clone())].into()), ..Change::default() };
    let racing = join_all((0..RACING).map(|_| port.change(&alex, 0, &start))).await;
    let done = racing.into_iter().filter(|outcome| matches!(outcome, Ok(ChangeOutcome::Done))).count();
    assert_eq!(done, 1, "of {RACING} racing changes one is done");
    let mut expected = CustomFactors::default().changed(&start);
    assert_eq!((expected.revision, expected.factor_epoch), (1, 0), "nothing proves yet");
    assert_eq!(kept(&alex).await, expected);

    let confirm = Change {
        authenticators: Some([(id('a'), Authenticator { is_confirmed: true, ..phone })].into()),
        step: Some(7),
        begins_new_epoch: true,
        ..Change::default()
    };
    assert_eq!(change(0, &confirm).await, ChangeOutcome::Overtaken, "what was read is out of date");
    assert_eq!(change(1, &confirm).await, ChangeOutcome::Done);
    expected = expected.changed(&confirm);
    assert_eq!(kept(&alex).await, expected);
    for step in [6, 7] {
        let replayed = Change { step: Some(step), ..confirm.clone() };
        assert_eq!(change(2, &replayed).await, ChangeOutcome::Overtaken, "step {step} is used up");
    }
    assert_eq!(kept(&alex).await, expected, "nothing is written");

    let laptop = TrustedDevice {
        name: name("Laptop"),
        key: DeviceKey::from_coordinates(
            // The key of RFC 7517, A.1.
            "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        )
        .expect("a key"),
        created_at: at(20),
        expires_at: at(30),
    };
    let hashes = |names: [&str; 2]| names.map(|name| RecoveryHash::from_stored(name.repeat(16)));
    let full = Change {
        devices: Some([(id('b'), laptop)].into()),
        recovery: Some(hashes(["01", "02"]).into()),
        step: Some(8),
        begins_new_epoch: true,
        ..Change::default()
    };
    assert_eq!(change(2, &full).await, ChangeOutcome::Done);
    expected = expected.changed(&full);
    assert_eq!(kept(&alex).await, expected);

    let racing = join_all((0..RACING).map(|_| port.revoke_devices(&alex))).await;
    assert!(racing.iter().all(Result::is_ok));
    let racing = u64::try_from(RACING).expect("a small number");
    expected.devices.clear();
    (expected.factor_epoch, expected.revision) = (expected.factor_epoch + racing, expected.revision + racing);
    assert_eq!(kept(&alex).await, expected, "whoever read it before must read again");

    port.mark_pool_totp_replaced(&alex, at(40)).await.expect("works");
    (expected.factor_epoch, expected.revision) = (expected.factor_epoch + 1, expected.revision + 1);
    let stopped = CustomFactors { pool_totp_stopped_at: Some(at(40)), ..expected.clone() };
    assert_eq!(kept(&alex).await, stopped, "trust ends with the authenticator");
    port.mark_pool_totp_active(&alex).await.expect("works");
    assert_eq!(kept(&alex).await, expected);
    port.mark_pool_totp_active(&sam).await.expect("nothing to note, and that is no fault");

    let empty = Change {
        authenticators: Some([].into()),
        recovery: Some([].into()),
        devices: Some([].into()),
        ..Change::default()
    };
    assert_eq!(change(expected.revision, &empty).await, ChangeOutcome::Done);
    assert_eq!(kept(&alex).await, expected.changed(&empty));

    assert_eq!(kept(&sam).await, CustomFactors::default(), "users do not share");
    port.revoke_devices(&sam).await.expect("works");
    let revoked = CustomFactors { factor_epoch: 1, revision: 1, ..CustomFactors::default() };
    assert_eq!(kept(&sam).await, revoked, "an epoch begins where nothing is set up");

    pool_factor_notes(port).await;
    passkeys(port).await;
}

/// Checks that passkeys and a registration are read as they were written, and that one of racing answers to a
/// registration adds its passkey. A pool factor that is turned off leaves them a factor that counts.
async fn passkeys(port: &dyn CustomFactorStore) {
    let lee = user("own-lee");
    let kept = async || port.custom_factors(&lee).await.expect("works");
    let at = |second| Timestamp::from_second(second).expect("a time");
    let id = FactorId::parse(&"c".repeat(32)).expect("an id");
    let name = FriendlyDeviceName::parse("Laptop").expect("a name");
    let begun = PasskeyRegistration { name: name.clone(), state: vec![1, 0, 255], begun_at: at(10) };
    let credential = PasskeyCredential {
        id: vec![0, 255],
        fixed: vec![1; 70],
        state: [1, 2, 3, 4, 5, 6, 0],
        transports: 9,
    };
    let start = CustomFactors::default().start_passkey(begun.clone()).expect("room");
    assert_eq!(port.change(&lee, 0, &start).await.expect("works"), ChangeOutcome::Done);
    let started = CustomFactors::default().changed(&start);
    assert_eq!(kept().await, started);
    assert!(!started.has_ever_counted(), "nothing proves yet");

    let confirm =
        started.confirm_passkey(id.clone(), &begun.state, credential.clone(), at(20)).expect("begun");
    let racing = join_all((0..RACING).map(|_| port.change(&lee, 1, &confirm))).await;
    let done = racing.into_iter().filter(|outcome| matches!(outcome, Ok(ChangeOutcome::Done))).count();
    assert_eq!(done, 1, "of {RACING} racing answers one is accepted");
    let confirmed = started.changed(&confirm);
    assert_eq!(kept().await, confirmed);
    assert_eq!(confirmed.passkeys, [(id.clone(), Passkey { name, created_at: at(20), credential })].into());
    assert_eq!((confirmed.factor_epoch, confirmed.had_factor), (1, true));
    assert_eq!(confirmed.passkey_registration, None, "a registration is used once");

    port.note_pool_factor(&lee, PoolFactorNote::On(at(30))).await.expect("works");
    port.note_pool_factor(&lee, PoolFactorNote::TurnedOff).await.expect("works");
    assert!(kept().await.had_factor, "the passkey remains");

    let reset = kept().await.changed(&Change::reset());
    assert_eq!((reset.passkeys, reset.passkey_registration), ([].into(), None), "an administrator's reset");
    let seen = kept().await;
    let remove = seen.remove_passkey(&id).expect("it is there");
    assert_eq!(port.change(&lee, seen.revision, &remove).await.expect("works"), ChangeOutcome::Done);
    let removed = kept().await;
    assert_eq!(removed, seen.changed(&remove));
    assert!(!removed.has_ever_counted(), "the last factor was removed after a proof");
}

/// Checks the notes about pool factors, and what a new epoch of factors clears.
async fn pool_factor_notes(port: &dyn CustomFactorStore) {
    let kept = async |user: &UserId| port.custom_factors(user).await.expect("works");
    let at = |second| Timestamp::from_second(second).expect("a time");
    let kim = user("own-kim");
    port.note_pool_factor(&kim, PoolFactorNote::On(at(50))).await.expect("works");
    port.note_pool_factor(&kim, PoolFactorNote::On(at(60))).await.expect("works");
    let known =
        CustomFactors { pool_factor_since: Some(at(50)), had_factor: true, ..CustomFactors::default() };
    assert_eq!(kept(&kim).await, known, "since the first time");
    port.note_pool_factor(&kim, PoolFactorNote::Missing).await.expect("works");
    assert_eq!(kept(&kim).await, CustomFactors { pool_factor_since: None, ..known.clone() });
    port.note_pool_factor(&kim, PoolFactorNote::On(at(70))).await.expect("works");
    port.note_pool_factor(&kim, PoolFactorNote::TurnedOff).await.expect("works");
    assert_eq!(kept(&kim).await, CustomFactors::default(), "by right: the user may begin anew");
    let codes = Change {
        recovery: Some([RecoveryHash::from_stored("0".repeat(32))].into()),
        had_factor: Some(true),
        ..Change::default()
    };
    port.change(&kim, 0, &codes).await.expect("works");
    port.note_pool_factor(&kim, PoolFactorNote::On(at(80))).await.expect("works");
    port.note_pool_factor(&kim, PoolFactorNote::TurnedOff).await.expect("works");
    let left = kept(&kim).await;
    assert_eq!((left.pool_factor_since, left.had_factor), (None, true), "custom factors are left");
    let settings = MessageCodes { email: MessageCodeSetting::Off, sms: MessageCodeSetting::On };
    let set = Change { message_codes: Some(settings), ..Change::default() };
    port.change(&kim, left.revision, &set).await.expect("works");
    assert_eq!(kept(&kim).await.message_codes, settings);
    port.note_pool_factor(&kim, PoolFactorNote::On(at(90))).await.expect("works");
    port.change(&kim, left.revision + 1, &Change::reset()).await.expect("works");
    let reset = CustomFactors { factor_epoch: 1, revision: left.revision + 2, ..CustomFactors::default() };
    assert_eq!(kept(&kim).await, reset, "nothing is left");
}

/// Checks that a seed opens for the user for whom it was sealed, and for no other user.
pub async fn seeds(port: &dyn Seeds) {
    let (alex, sam) = (user("seeds-alex"), user("seeds-sam"));
    let seed = TotpSeed::generate(&SeededEntropy::new(7)).expect("works");
    let sealed = port.seal(&alex, &seed).await.expect("works");
    let opened = port.open(&alex, &sealed).await.expect("its own user");
    assert_eq!(opened.expose(), seed.expose());
    assert!(port.open(&sam, &sealed).await.is_err(), "another user");
    let mut changed = sealed.as_bytes().to_vec();
    if let Some(last) = changed.last_mut() {
        *last ^= 1;
    }
    assert!(port.open(&alex, &SealedSeed::new(changed)).await.is_err(), "a changed byte");
    assert!(port.open(&alex, &SealedSeed::new(Vec::new())).await.is_err());
}

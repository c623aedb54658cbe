use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Event {
    Compare,
    RightCode,
    Begin,
    StepDone(bool),
    Cancel,
    ByMail,
    Told,
    Wait(i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        Just(Event::Compare),
        Just(Event::RightCode),
        Just(Event::Begin),
        any::<bool>().prop_map(Event::StepDone),
        Just(Event::Cancel),
        Just(Event::ByMail),
        Just(Event::Told),
        (0..900_i64).prop_map(Event::Wait),
    ];
    prop::collection::vec(event, 0..40)
}

fn ids() -> RunIds {
    let id = uuid::Uuid::from_u128;
    RunIds { begun: id(1), ended: id(2), email: id(3), sms: id(4) }
}

fn wait_ids() -> MailWaitIds {
    let id = uuid::Uuid::from_u128;
    MailWaitIds { noted: id(5), email: id(6), sms: id(7) }
}

/// Short, so that random histories get past the wait.
const WAIT: SignedDuration = SignedDuration::from_secs(600);

fn case(is_real: bool) -> Case {
    let user = UserId::parse("alex").unwrap();
    let expires_at = Timestamp::from_second(1_800).unwrap();
    let fingerprint = PasswordFingerprint::from_stored("mark");
    let account = CaseSubject::Account { user: user.clone(), name: "alex".into(), fingerprint };
    Case::open(if is_real { account } else { CaseSubject::Decoy { user } }, expires_at)
}

proptest! {
    /// Checks random orders of events. No factor is removed before the password is set. Nothing begins
    /// without a password and a code in time. A case that is over does not change.
    #[test]
    fn no_history_gets_around_a_step(is_real: bool, events in events()) {
        let (mut case, mut now) = (case(is_real), Timestamp::UNIX_EPOCH);
        let (mut compared, mut right, mut done, mut told_at) = (0, false, Vec::new(), None);
        for event in events {
            let before = case.clone();
            let after = match event {
                Event::Compare => case.compare(now).inspect(|_| compared += 1),
                Event::RightCode => case.proven(now).inspect(|_| right = true),
                Event::Begin => case.begin([PoolFactor::Totp].into(), ids(), now),
                Event::StepDone(hand_over) => {
                    let reason = hand_over.then_some(EscalationReason::StillThere);
                    case.step_done(reason).inspect(|_| if let CasePhase::InProgress(work) = &before.phase {
                        done.push(work.step);
                    })
                }
                Event::Cancel => case.cancel(now),
                Event::ByMail => case.wait(wait_ids(), true, "https://api".into(), now),
                Event::Told => case.owner_notified(WAIT, now).inspect(|_| told_at = Some(now)),
                Event::Wait(seconds) => { now += SignedDuration::from_secs(seconds); continue }
            };
            let Ok(after) = after else { continue };
            prop_assert_eq!(after.revision, before.revision + 1);
            prop_assert!(!matches!(before.phase, CasePhase::Over(_)), "what is over stays");
            if matches!(after.phase, CasePhase::InProgress(_)) && !matches!(before.phase, CasePhase::InProgress(_)) {
                prop_assert!(is_real && right && before.phase == CasePhase::Proven);
                prop_assert!(now < before.expires_at);
            }
            if matches!(before.phase, CasePhase::Waiting(_)) && after.phase == CasePhase::Proven {
                prop_assert!(told_at.is_some_and(|told| now >= told + WAIT), "after the wait");
            }
            prop_assert!(compared <= MOST_COMPARISONS);
            case = after;
        }
        prop_assert_eq!(&done[..], &RecoveryStep::ALL[..done.len()], "each step once, in order");
        match &case.phase {
            CasePhase::Over(CaseEnding::Recovered | CaseEnding::NeedsOperator(_)) => prop_assert_eq!(done.len(), 6),
            CasePhase::Over(CaseEnding::Cancelled) => prop_assert!(done.is_empty()),
            _ => {}
        }
    }
}

#[test]
fn a_reason_to_hand_over_is_not_forgotten() {
    let now = Timestamp::UNIX_EPOCH;
    let mut case = case(true).proven(now).unwrap().begin([PoolFactor::Totp].into(), ids(), now).unwrap();
    for step in RecoveryStep::ALL {
        let reason = (step == RecoveryStep::PoolFactor).then_some(EscalationReason::NoOtherFactor);
        case = case.step_done(reason).unwrap();
    }
    assert_eq!(case.phase, CasePhase::Over(CaseEnding::NeedsOperator(EscalationReason::NoOtherFactor)));
}

use jiff::{SignedDuration, Timestamp};
use mfa_core::{
    audit::{AuditAction, AuditEntry, AuditLog, AuditTrail, FactorEvent},
    kernel::{PoolFactor, UserId},
};

use super::user;
use crate::{ManualClock, SeededEntropy};

/// Checks that an entry is kept once and never changed. `count` returns the number of the user's entries.
pub async fn audit_trail(port: &dyn AuditTrail, count: impl AsyncFn(&UserId) -> usize) {
    let (clock, entropy) = (ManualClock::at(Timestamp::UNIX_EPOCH), SeededEntropy::new(1));
    let alex = user("audit-alex");
    let entry = |action| AuditEntry::new(&clock, &entropy, alex.clone(), action).expect("works");
    let started = entry(AuditAction::TotpStarted { replace: true });
    port.append(&started).await.expect("works");
    port.append(&started).await.expect("a repetition is no fault");
    assert_eq!(count(&alex).await, 1, "kept once");
    port.append(&entry(AuditAction::TotpVerified)).await.expect("works");
    assert_eq!(count(&alex).await, 2, "one time, two entries: both kept");
    assert_eq!(count(&user("audit-sam")).await, 0, "users do not share");
}

/// Checks that the newest line comes first, and that each line comes once over all pages.
pub async fn audit_log<T: AuditTrail + AuditLog>(port: &T) {
    let (clock, entropy) = (ManualClock::at(Timestamp::UNIX_EPOCH), SeededEntropy::new(2));
    let (alex, sam) = (user("log-alex"), user("log-sam"));
    let actions = [
        AuditAction::TotpStarted { replace: false },
        AuditAction::TotpVerified,
        AuditAction::PreferenceChanged { factor: PoolFactor::Totp, enabled: true, preferred: true },
        AuditAction::CustomFactor { event: FactorEvent::EmailVerified, id: None },
        AuditAction::NewDeviceUsed,
    ];
    assert_eq!(port.newest(&alex, None, 9).await.expect("works"), []);
    for action in actions {
        let entry = AuditEntry::new(&clock, &entropy, alex.clone(), action).expect("works");
        port.append(&entry).await.expect("works");
        clock.advance(SignedDuration::from_secs(1));
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = port.newest(&alex, before, 2).await.expect("works");
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page);
    }
    let names: Vec<_> = seen.iter().map(|line| line.action.as_str()).collect();
    let expected =
        ["new-device-used", "email-verified", "preference-changed", "totp-verified", "totp-started"];
    assert_eq!(names, expected, "the newest first, each once");
    assert_eq!(seen.iter().filter_map(|line| line.factor).collect::<Vec<_>>(), [PoolFactor::Totp]);
    assert_eq!(seen.last().map(|line| line.at), Some(Timestamp::UNIX_EPOCH));
    assert_eq!(port.newest(&sam, None, 9).await.expect("works"), [], "users do not share");
}

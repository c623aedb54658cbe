//! Decides how a lost factor is removed, by the rules of the pool (cognito.md §4.3, §4.4, §4.5). Pure.

use std::collections::BTreeSet;

use super::case::EscalationReason;
use crate::{
    factors::preference::{FactorState, PreferenceChange, Setting},
    kernel::PoolFactor,
};

/// Whether the pool asks for a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMfa {
    Off,
    Optional,
    On,
}

/// The pool's rules about factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolRules {
    pub mfa: PoolMfa,
    pub offered: BTreeSet<PoolFactor>,
    /// The factor whose address recovers passwords first. No second factor goes to that address.
    pub recovery: Option<PoolFactor>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactorRemoval {
    /// There is no factor to remove.
    Nothing,
    DeleteTotp,
    Change(PreferenceChange),
    Escalate(EscalationReason),
}

/// Returns the factors that a user has lost, given those that Cognito `asked` for. That is the authenticator
/// app if there is one, and otherwise all factors that are on.
pub fn lost(state: &FactorState, asked: &BTreeSet<PoolFactor>) -> BTreeSet<PoolFactor> {
    let all: BTreeSet<_> = state.enabled.union(asked).copied().collect();
    if all.contains(&PoolFactor::Totp) { [PoolFactor::Totp].into() } else { all }
}

/// Returns what to request from Cognito. `addresses`: the factors for which the user has an address.
/// `can_delete`: whether the pool supports `AdminDeleteSoftwareToken`.
pub fn plan(
    rules: &PoolRules,
    state: &FactorState,
    lost: &BTreeSet<PoolFactor>,
    addresses: &BTreeSet<PoolFactor>,
    can_delete: bool,
) -> FactorRemoval {
    if lost.contains(&PoolFactor::Totp) && can_delete {
        return FactorRemoval::DeleteTotp;
    }
    let asked = match rules.mfa {
        PoolMfa::Off => return FactorRemoval::Nothing,
        PoolMfa::Optional => lost.iter().map(|factor| (*factor, Setting::Disabled)).collect(),
        PoolMfa::On => {
            let is_eligible = |factor: &PoolFactor| {
                *factor != PoolFactor::Totp
                    && !lost.contains(factor)
                    && rules.offered.contains(factor)
                    && addresses.contains(factor)
                    && rules.recovery != Some(*factor)
            };
            match PoolFactor::ALL.into_iter().find(is_eligible) {
                Some(factor) => [(factor, Setting::Preferred)].into(),
                None => return FactorRemoval::Escalate(EscalationReason::NoOtherFactor),
            }
        }
    };
    match state.plan(&asked) {
        Ok(change) if change.blocks.is_empty() => FactorRemoval::Nothing,
        Ok(change) => FactorRemoval::Change(change),
        Err(_) => FactorRemoval::Escalate(EscalationReason::NoOtherFactor),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use PoolFactor::{Email, Sms, Totp};

    fn state(enabled: &[PoolFactor]) -> FactorState {
        FactorState { enabled: enabled.iter().copied().collect(), preferred: enabled.first().copied() }
    }

    #[rstest]
    #[case::an_app_before_all_else(&[Sms, Totp], &[Sms], &[Totp])]
    #[case::an_app_that_is_not_listed(&[], &[Totp, Sms], &[Totp])]
    #[case::a_number(&[Sms], &[Sms], &[Sms])]
    #[case::both_addresses(&[Sms, Email], &[Sms, Email], &[Sms, Email])]
    fn what_is_lost(
        #[case] enabled: &[PoolFactor],
        #[case] asked: &[PoolFactor],
        #[case] expected: &[PoolFactor],
    ) {
        let asked = asked.iter().copied().collect();
        assert_eq!(lost(&state(enabled), &asked), expected.iter().copied().collect());
    }

    fn rules(mfa: PoolMfa, recovery: Option<PoolFactor>) -> PoolRules {
        PoolRules { mfa, offered: PoolFactor::ALL.into(), recovery }
    }

    fn planned(
        rules: &PoolRules,
        enabled: &[PoolFactor],
        lost: &[PoolFactor],
        has: &[PoolFactor],
        del: bool,
    ) -> FactorRemoval {
        let set = |factors: &[PoolFactor]| factors.iter().copied().collect::<BTreeSet<_>>();
        plan(rules, &state(enabled), &set(lost), &set(has), del)
    }

    #[test]
    fn an_app_is_deleted_where_that_exists_whatever_the_pool() {
        for mfa in [PoolMfa::Off, PoolMfa::Optional, PoolMfa::On] {
            assert_eq!(planned(&rules(mfa, None), &[Totp], &[Totp], &[], true), FactorRemoval::DeleteTotp);
        }
    }

    #[test]
    fn else_an_optional_factor_is_turned_off_and_others_stay() {
        let FactorRemoval::Change(change) =
            planned(&rules(PoolMfa::Optional, None), &[Totp, Email], &[Totp], &[], false)
        else {
            panic!("a change")
        };
        let after = change.applied_to(&state(&[Totp, Email]));
        assert_eq!(after, FactorState { enabled: [Email].into(), preferred: None });
        let nothing = planned(&rules(PoolMfa::Optional, None), &[], &[Totp], &[], false);
        assert_eq!(nothing, FactorRemoval::Nothing, "what is off need not be turned off");
    }

    #[rstest]
    #[case::by_text_message(&[Sms, Email], None, Some(Sms))]
    #[case::never_where_passwords_are_recovered(&[Sms, Email], Some(Sms), Some(Email))]
    #[case::no_address(&[], None, None)]
    #[case::only_the_recovery_address(&[Email], Some(Email), None)]
    fn an_eligible_address_replaces_a_required_factor(
        #[case] has: &[PoolFactor],
        #[case] recovery: Option<PoolFactor>,
        #[case] expected: Option<PoolFactor>,
    ) {
        let removal = planned(&rules(PoolMfa::On, recovery), &[Totp], &[Totp], has, false);
        match (removal, expected) {
            (FactorRemoval::Change(change), Some(factor)) => {
                assert_eq!(change.applied_to(&state(&[Totp])).preferred, Some(factor));
            }
            (removal, None) => assert_eq!(removal, FactorRemoval::Escalate(EscalationReason::NoOtherFactor)),
            (removal, expected) => panic!("{removal:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_lost_number_is_no_stand_in_for_itself() {
        let removal = planned(&rules(PoolMfa::On, None), &[Sms], &[Sms], &[Sms], true);
        assert_eq!(removal, FactorRemoval::Escalate(EscalationReason::NoOtherFactor));
    }
}

//! The list of cognito.md §4.3, line by line.

use rstest::rstest;

use super::{Choice, Situation, choose, choose_despite_preference};
use crate::model::pool::MfaState::{self, Off, On, Optional};
use crate::model::user::Factor::{self, Email, Sms, SoftwareToken as Totp};

fn situation(pool: MfaState) -> Situation {
    Situation {
        pool,
        offered: vec![Sms, Totp, Email],
        active: Vec::new(),
        preferred: None,
        software_token: false,
        reachable: Vec::new(),
        recovery: None,
        recovery_address_only_fails: true,
    }
}

#[rstest]
#[case::none_active(&[], None, Choice::Nothing)]
#[case::one(&[Email], None, Choice::Ask(Email))]
#[case::several_one_preferred(&[Sms, Totp], Some(Totp), Choice::Ask(Totp))]
#[case::several_none_preferred(&[Sms, Totp, Email], None, Choice::Select(vec![Sms, Totp, Email]))]
#[case::preferred_but_not_active(&[Sms], Some(Email), Choice::Ask(Sms))]
fn optional_pool(#[case] active: &[Factor], #[case] preferred: Option<Factor>, #[case] expected: Choice) {
    let situation = Situation {
        active: active.to_vec(),
        preferred,
        software_token: active.contains(&Totp),
        reachable: vec![Sms, Email],
        ..situation(Optional)
    };
    assert_eq!(choose(&situation), expected);
}

#[test]
fn a_pool_without_mfa_asks_nothing() {
    let situation =
        Situation { active: vec![Totp], preferred: Some(Totp), software_token: true, ..situation(Off) };
    assert_eq!(choose(&situation), Choice::Nothing);
}

#[test]
fn an_active_factor_counts_only_while_it_can_be_used() {
    let gone =
        Situation { active: vec![Sms], reachable: vec![Sms], offered: vec![Totp], ..situation(Optional) };
    assert_eq!(choose(&gone), Choice::Nothing, "the pool no longer has SMS");
    let no_phone = Situation { active: vec![Sms, Email], reachable: vec![Email], ..situation(Optional) };
    assert_eq!(choose(&no_phone), Choice::Ask(Email), "no phone number is left");
    let dropped =
        Situation { active: vec![Totp], software_token: true, offered: vec![Sms], ..situation(Optional) };
    assert_eq!(choose(&dropped), Choice::Ask(Totp), "TOTP works on when the pool drops it");
}

#[rstest]
#[case::preference(true, &[Sms, Email], Some(Email), None, Choice::Ask(Email))]
#[case::totp_and_address(true, &[Email], None, None, Choice::Select(vec![Totp, Email]))]
#[case::totp_and_both(true, &[Sms, Email], None, None, Choice::Select(vec![Sms, Totp, Email]))]
#[case::totp_only(true, &[], None, None, Choice::Ask(Totp))]
#[case::totp_and_recovery_address(true, &[Email], None, Some(Email), Choice::Ask(Totp))]
#[case::one_address(false, &[Sms], None, None, Choice::Ask(Sms))]
#[case::both_addresses(false, &[Sms, Email], None, None, Choice::Select(vec![Sms, Email]))]
#[case::one_of_two_is_for_recovery(false, &[Sms, Email], None, Some(Email), Choice::Ask(Sms))]
#[case::recovery_address_only(false, &[Email], None, Some(Email), Choice::Impossible)]
#[case::nothing(false, &[], None, None, Choice::SetUp(vec![Sms, Totp, Email]))]
#[case::nothing_and_recovery(false, &[], None, Some(Email), Choice::SetUp(vec![Sms, Totp]))]
fn required_pool(
    #[case] software_token: bool,
    #[case] reachable: &[Factor],
    #[case] preferred: Option<Factor>,
    #[case] recovery: Option<Factor>,
    #[case] expected: Choice,
) {
    let situation =
        Situation { software_token, reachable: reachable.to_vec(), preferred, recovery, ..situation(On) };
    assert_eq!(choose(&situation), expected);
}

#[test]
fn the_switch_offers_set_up_instead_of_failing() {
    let situation = Situation {
        reachable: vec![Email],
        recovery: Some(Email),
        recovery_address_only_fails: false,
        ..situation(On)
    };
    assert_eq!(choose(&situation), Choice::SetUp(vec![Sms, Totp]));
}

#[test]
fn an_address_of_a_factor_the_pool_lacks_is_no_hindrance() {
    let situation =
        Situation { offered: vec![Totp], reachable: vec![Email], recovery: Some(Email), ..situation(On) };
    assert_eq!(choose(&situation), Choice::SetUp(vec![Totp]));
}

#[rstest]
#[case::nothing(false, &[], None, Choice::Nothing)]
#[case::phone(false, &[Sms], None, Choice::Ask(Sms))]
#[case::totp(true, &[], None, Choice::Ask(Totp))]
#[case::several(true, &[Sms, Email], None, Choice::Select(vec![Sms, Totp, Email]))]
#[case::recovery_address(false, &[Email], Some(Email), Choice::Nothing)]
#[case::beside_the_recovery_address(true, &[Email], Some(Email), Choice::Ask(Totp))]
fn a_risky_sign_in_asks_for_what_the_user_has(
    #[case] software_token: bool,
    #[case] reachable: &[Factor],
    #[case] recovery: Option<Factor>,
    #[case] expected: Choice,
) {
    let situation =
        Situation { software_token, reachable: reachable.to_vec(), recovery, ..situation(Optional) };
    assert_eq!(choose(&situation), Choice::Nothing, "none is switched on");
    assert_eq!(choose_despite_preference(&situation), expected);
    let off = Situation { pool: Off, ..situation };
    assert_eq!(choose_despite_preference(&off), Choice::Nothing, "the pool has no MFA");
}

#[test]
fn a_risky_sign_in_asks_for_the_factor_that_is_switched_on() {
    let active = Situation { active: vec![Sms], reachable: vec![Sms, Email], ..situation(Optional) };
    assert_eq!(choose_despite_preference(&active), Choice::Ask(Sms));
    assert_eq!(choose_despite_preference(&situation(On)), choose(&situation(On)));
}

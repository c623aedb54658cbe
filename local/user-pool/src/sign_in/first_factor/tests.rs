use rstest::rstest;

use super::*;
use FirstFactor::{EmailOtp, Password, PasswordSrp, SmsOtp, WebAuthn};
use MfaState::{Off, On, Optional};

fn situation(pool: MfaState, has_mfa: bool, passkey_is_mfa: bool) -> Situation {
    Situation {
        pool,
        allowed: vec![AuthFactor::Password, AuthFactor::EmailOtp, AuthFactor::SmsOtp, AuthFactor::WebAuthn],
        has_password: true,
        must_change_password: false,
        has_email: true,
        has_phone_number: true,
        has_passkey: true,
        has_mfa,
        passkey_is_mfa,
    }
}

const PASSWORDS: &[FirstFactor] = &[PasswordSrp, Password];
const WITH_PASSKEY: &[FirstFactor] = &[PasswordSrp, Password, WebAuthn];
const ALL: &[FirstFactor] = &[PasswordSrp, Password, EmailOtp, SmsOtp, WebAuthn];

/// The guide's table "Things to know about user pool MFA", row by row.
#[rstest]
#[case::required_configured(On, true, false, PASSWORDS)]
#[case::required_not_configured(On, false, false, PASSWORDS)]
#[case::optional_configured(Optional, true, false, PASSWORDS)]
#[case::optional_not_configured(Optional, false, false, ALL)]
#[case::optional_with_passkey_mfa(Optional, true, true, WITH_PASSKEY)]
#[case::required_with_passkey_mfa(On, true, true, WITH_PASSKEY)]
#[case::off(Off, true, false, ALL)]
fn the_guides_table(
    #[case] pool: MfaState,
    #[case] has_mfa: bool,
    #[case] passkey_is_mfa: bool,
    #[case] offered: &[FirstFactor],
) {
    assert_eq!(available(&situation(pool, has_mfa, passkey_is_mfa)), offered);
}

#[test]
fn what_the_user_lacks_or_the_pool_forbids_is_not_offered() {
    let all = situation(Off, false, false);
    let nothing = Situation {
        has_password: false,
        has_email: false,
        has_phone_number: false,
        has_passkey: false,
        ..all.clone()
    };
    assert_eq!(available(&nothing), []);
    let only_codes = Situation { allowed: vec![AuthFactor::EmailOtp, AuthFactor::SmsOtp], ..all.clone() };
    assert_eq!(available(&only_codes), [EmailOtp, SmsOtp]);
    let temporary = Situation { must_change_password: true, ..all };
    assert_eq!(available(&temporary), PASSWORDS);
}

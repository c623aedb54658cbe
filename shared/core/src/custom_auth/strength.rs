use std::collections::BTreeSet;

use super::{Proven, Requirements};
use crate::{
    assurance::PasswordRecovery,
    config::policy::{AppClientPolicy, CustomAuthPolicy, EnrolmentPolicy, FirstStep},
    factors::custom::MessageCodes,
    kernel::CustomFactor,
};

const CHANNELS: [CustomFactor; 2] = [CustomFactor::EmailCode, CustomFactor::SmsCode];

/// A requirement of a client or group that makes sign-ins weak or impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weakness {
    /// A code to a channel that resets the password counts beside the password, so the channel alone can be
    /// enough.
    ChannelIsEnough,
    /// No user can sign in with codes, and a user can register a trusted device only after a sign-in.
    NoWayIn,
    /// A user without an authenticator can neither sign in nor set one up.
    NoFirstFactor,
    /// A user who sets up an authenticator can't sign in again with it and the codes that remain available.
    AuthenticatorLocksOut,
}

/// Finds every weakness of a policy, each with its key. `recovery` names the channels that reset passwords.
pub fn weaknesses(policy: &CustomAuthPolicy, recovery: PasswordRecovery) -> Vec<(String, Weakness)> {
    let mut found = Vec::new();
    for (name, client) in &policy.clients {
        let key = format!("custom_auth.clients.{name}");
        if client.requirement.recovery_channel_counts {
            found.push((format!("{key}.recovery_channel_counts"), Weakness::ChannelIsEnough));
        }
        let of_client = weakness(client, &Requirements::new(client, [], recovery));
        found.extend(of_client.map(|weakness| (key.clone(), weakness)));
        for (group, requirement) in &client.groups {
            let key = format!("{key}.groups.{group}");
            if requirement.recovery_channel_counts {
                found.push((format!("{key}.recovery_channel_counts"), Weakness::ChannelIsEnough));
            }
            let of_group = weakness(client, &Requirements::new(client, [group.as_str()], recovery));
            // A weakness of the whole client is reported once, not again for each group.
            let is_new = of_group != of_client;
            found.extend(of_group.filter(|_| is_new).map(|weakness| (key, weakness)));
        }
    }
    found
}

/// Checks a user with a password, a verified e-mail address and a verified phone number.
fn weakness(client: &AppClientPolicy, requirements: &Requirements) -> Option<Weakness> {
    let proven = Proven { password: true, ..Proven::default() };
    let can = |factors: BTreeSet<CustomFactor>| requirements.can_be_met(&factors, &proven);
    let with_authenticator = || CHANNELS.into_iter().chain([CustomFactor::Totp]);
    if !can(CustomFactor::ALL.into_iter().filter(|factor| factor.needs_user()).collect()) {
        return Some(Weakness::NoWayIn);
    }
    let enrols = client.enrolment == EnrolmentPolicy::AtSignIn && can(with_authenticator().collect());
    if !can(CHANNELS.into()) && !enrols {
        return Some(Weakness::NoFirstFactor);
    }
    let keep_weaker = client.keep_weaker || client.first_step == FirstStep::Passwordless;
    let stays = |factor: &CustomFactor| MessageCodes::default().offers(*factor, true, keep_weaker);
    (!can(with_authenticator().filter(stays).collect())).then_some(Weakness::AuthenticatorLocksOut)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::Policy;

    const BY_EMAIL: PasswordRecovery = PasswordRecovery { email: true, sms: false };

    fn found(rule: &str, recovery: PasswordRecovery) -> Vec<Weakness> {
        let policy = Policy::read(Some(&format!("[custom_auth.clients.custom]\n{rule}"))).unwrap();
        weaknesses(&policy.custom_auth, recovery).into_iter().map(|(_, weakness)| weakness).collect()
    }

    #[rstest]
    #[case::the_default("", &[])]
    #[case::an_authenticator_alone("factor_kinds = ['totp']", &[])]
    #[case::the_channel_counts("recovery_channel_counts = true", &[Weakness::ChannelIsEnough])]
    #[case::only_the_channel("factor_kinds = ['email']", &[Weakness::NoWayIn])]
    #[case::only_the_channel_and_closed("factor_kinds = ['email']\nenrolment = 'closed'", &[Weakness::NoWayIn])]
    #[case::closed("enrolment = 'closed'", &[])]
    #[case::closed_without_the_other_channel(
        "factor_kinds = ['email', 'totp']\nenrolment = 'closed'",
        &[Weakness::NoFirstFactor]
    )]
    #[case::never_a_first_factor("factor_kinds = ['recovery-code']", &[Weakness::NoFirstFactor])]
    #[case::a_device_first("factor_kinds = ['totp']\ntrusted_device = true\nfactors = 2", &[Weakness::NoWayIn])]
    #[case::no_authenticator_counts("factor_kinds = ['sms']", &[Weakness::AuthenticatorLocksOut])]
    #[case::no_authenticator_counts_and_sms_stays("factor_kinds = ['sms']\nkeep_weaker = true", &[])]
    #[case::two_of_which_one_goes("factors = 2", &[Weakness::AuthenticatorLocksOut])]
    #[case::two_that_stay("factors = 2\nkeep_weaker = true", &[])]
    #[case::passwordless("first_step = 'passwordless'\nfactor_kinds = ['email']\nenrolment = 'closed'", &[])]
    fn weaknesses_of_a_client_where_email_recovers_passwords(
        #[case] rule: &str,
        #[case] expected: &[Weakness],
    ) {
        assert_eq!(found(rule, BY_EMAIL), expected);
    }

    #[test]
    fn the_channel_decides() {
        let closed = "factor_kinds = ['email', 'sms']\nenrolment = 'closed'\nkeep_weaker = true";
        assert_eq!(found(closed, BY_EMAIL), []);
        assert_eq!(found(closed, PasswordRecovery::default()), [Weakness::NoWayIn]);
        assert_eq!(
            found(
                "factor_kinds = ['email']\nkeep_weaker = true",
                PasswordRecovery { email: false, sms: true }
            ),
            []
        );
    }

    #[test]
    fn a_weak_group_is_reported_unless_its_client_is_as_weak() {
        let rule = "groups.admins.factor_kinds = ['email']\ngroups.admins.recovery_channel_counts = true\n\
                    [custom_auth.clients.mobile]\nfactor_kinds = ['email']\n[custom_auth.clients.mobile.groups.staff]";
        let policy = Policy::read(Some(&format!("[custom_auth.clients.custom]\n{rule}"))).unwrap();
        let found = weaknesses(&policy.custom_auth, BY_EMAIL);
        let keys: Vec<_> = found.iter().map(|(key, weakness)| (key.as_str(), *weakness)).collect();
        let admins = "custom_auth.clients.custom.groups.admins";
        assert_eq!(
            keys,
            [
                (&*format!("{admins}.recovery_channel_counts"), Weakness::ChannelIsEnough),
                (admins, Weakness::AuthenticatorLocksOut),
                ("custom_auth.clients.mobile", Weakness::NoWayIn),
            ]
        );
    }
}

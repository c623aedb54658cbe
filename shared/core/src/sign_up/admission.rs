use crate::{
    config::policy::SignUpPolicy,
    kernel::{EmailAddress, PhoneNumber, Refusal},
};

/// A person who signs up, with the addresses as typed.
#[derive(Debug, Clone, Copy)]
pub enum Candidate<'a> {
    /// The person signs up alone, or arrives from an identity provider.
    Themselves { email: Option<&'a str>, phone_number: Option<&'a str> },
    /// An administrator creates the user and is responsible for them. Only the addresses are checked.
    ByAdministrator { email: Option<&'a str>, phone_number: Option<&'a str> },
}

/// Instructions to Cognito for an admitted user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    pub auto_confirm: bool,
}

/// Decides whether to admit a sign-up. Pure: the store handles address claims.
pub fn admit(policy: &SignUpPolicy, candidate: Candidate<'_>) -> Result<Admission, Refusal> {
    let (email, phone_number, by_themselves) = match candidate {
        Candidate::Themselves { email, phone_number } => (email, phone_number, true),
        Candidate::ByAdministrator { email, phone_number } => (email, phone_number, false),
    };
    if by_themselves && !policy.open {
        return Err(Refusal::SignUpClosed);
    }
    let email = email.map(EmailAddress::parse).transpose().map_err(|_| Refusal::EmailNotValid)?;
    phone_number.map(PhoneNumber::parse).transpose().map_err(|_| Refusal::PhoneNumberNotValid)?;
    if by_themselves && !domain_passes(policy, email.as_ref()) {
        return Err(Refusal::SignUpNotPossible);
    }
    Ok(Admission { auto_confirm: by_themselves && policy.auto_confirm })
}

/// Whether the policy permits the domain. With an allow list, an absent address is refused, because omitting
/// it must not bypass the list.
fn domain_passes(policy: &SignUpPolicy, email: Option<&EmailAddress>) -> bool {
    let Some(domain) = email.map(EmailAddress::domain) else {
        return policy.allowed_email_domains.is_empty();
    };
    let listed = |list: &[String]| list.iter().any(|entry| is_within(domain, entry));
    (policy.allowed_email_domains.is_empty() || listed(&policy.allowed_email_domains))
        && !listed(&policy.denied_email_domains)
}

/// Whether `domain` is `entry` or below it: `mail.example.com` is within `example.com`, `notexample.com` is
/// not.
fn is_within(domain: &str, entry: &str) -> bool {
    domain.strip_suffix(entry).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::config::Policy;

    fn themselves(email: Option<&str>) -> Candidate<'_> {
        Candidate::Themselves { email, phone_number: None }
    }

    #[test]
    fn by_default_any_valid_address_may_sign_up() {
        let policy = Policy::default().sign_up;
        assert_eq!(
            admit(&policy, themselves(Some("alex@example.com"))),
            Ok(Admission { auto_confirm: false })
        );
        assert_eq!(admit(&policy, themselves(None)), Ok(Admission { auto_confirm: false }));
        assert_eq!(admit(&policy, themselves(Some("alex"))), Err(Refusal::EmailNotValid));
        let phone = Candidate::Themselves { email: None, phone_number: Some("0555") };
        assert_eq!(admit(&policy, phone), Err(Refusal::PhoneNumberNotValid));
    }

    #[test]
    fn a_closed_sign_up_is_open_to_administrators() {
        let policy = SignUpPolicy { open: false, ..Policy::default().sign_up };
        assert_eq!(admit(&policy, themselves(Some("alex@example.com"))), Err(Refusal::SignUpClosed));
        let created = Candidate::ByAdministrator { email: Some("alex@example.com"), phone_number: None };
        assert_eq!(admit(&policy, created), Ok(Admission { auto_confirm: false }));
    }

    #[rstest]
    #[case(&["example.com"], &[], Some("alex@example.com"), true)]
    #[case(&["example.com"], &[], Some("alex@EXAMPLE.com"), true)]
    #[case(&["example.com"], &[], Some("alex@mail.example.com"), true)]
    #[case(&["example.com"], &[], Some("alex@notexample.com"), false)]
    #[case(&["example.com"], &[], None, false)]
    #[case(&[], &["example.com"], Some("alex@example.com"), false)]
    #[case(&[], &["example.com"], Some("alex@mail.example.com"), false)]
    #[case(&[], &["example.com"], None, true)]
    #[case(&["example.com"], &["mail.example.com"], Some("alex@mail.example.com"), false)]
    fn domain_lists(
        #[case] allowed: &[&str],
        #[case] denied: &[&str],
        #[case] email: Option<&str>,
        #[case] passes: bool,
    ) {
        let list = |entries: &[&str]| entries.iter().map(ToString::to_string).collect();
        let policy = SignUpPolicy {
            allowed_email_domains: list(allowed),
            denied_email_domains: list(denied),
            ..Policy::default().sign_up
        };
        let refused = Err(Refusal::SignUpNotPossible);
        assert_eq!(admit(&policy, themselves(email)).map(|_| ()), if passes { Ok(()) } else { refused });
    }
}

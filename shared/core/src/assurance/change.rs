use std::time::Duration;

use jiff::Timestamp;

use super::Evidence;

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// A pool factor: the authenticator app, the preference, remembered devices.
    PoolFactor,
    /// An e-mail address or a phone number.
    Address,
    /// The set-up of a named authenticator.
    NewAuthenticator,
    /// New recovery codes. Codes made at a native client recover the account and do nothing else.
    RecoveryCodes,
    /// Any other change of custom factors: trusted devices, names, removals, settings.
    CustomFactor,
}

/// The kind of the app client whose token makes the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    Native,
    /// A custom client. `may_enrol`: the policy permits the set-up of a first factor.
    Custom {
        may_enrol: bool,
    },
    /// A client that is not listed in `MFA_APP_CLIENTS`.
    Unknown,
}

/// The facts about the user's factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FactorCoverage {
    /// Whether the user has, or once had, a factor that counts.
    pub has_factor: bool,
    /// Whether the user has custom factors, or has completed a sign-in at a custom client.
    pub is_covered: bool,
    /// Whether a custom client accepts a code to one of the user's verified addresses as a factor.
    pub has_counted_channel: bool,
}

/// A request for a change, with all facts for the decision.
#[derive(Debug, Clone, Copy)]
pub struct ChangeRequest {
    pub change: ChangeKind,
    pub evidence: Evidence,
    /// The claim `auth_time`.
    pub signed_in_at: Timestamp,
    pub client: ClientKind,
    pub coverage: FactorCoverage,
    pub now: Timestamp,
    pub max_age: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    /// The proof, or the sign-in, is too old.
    TooOld,
    /// This sign-in proved no second factor.
    SecondFactorRequired,
    /// Such a token may not set up a first factor.
    EnrolmentClosed,
}

/// Decides whether a sign-in's evidence is enough for a change (docs/security/assurance.md, "What each operation
/// requires" and "First enrolment").
pub fn decide(request: &ChangeRequest) -> Decision {
    let ChangeRequest { change, evidence, client, coverage, .. } = *request;
    let is_fresh = |at: Timestamp| request.now.duration_since(at).unsigned_abs() <= request.max_age;
    let is_custom =
        matches!(change, ChangeKind::NewAuthenticator | ChangeKind::RecoveryCodes | ChangeKind::CustomFactor);
    if let Some(at) = evidence.second_factor_at {
        if !is_fresh(at) {
            return Decision::TooOld;
        }
        // A thief of the password may have set up a pool factor at Cognito. It must not give access to custom
        // factors of a user whom a custom client asks for something else.
        let is_asked_for_more =
            coverage.is_covered || (change != ChangeKind::RecoveryCodes && coverage.has_counted_channel);
        let is_detour = is_custom && !matches!(client, ClientKind::Custom { .. }) && is_asked_for_more;
        return if is_detour { Decision::SecondFactorRequired } else { Decision::Allowed };
    }
    if coverage.has_factor || (is_custom && coverage.has_counted_channel) {
        return Decision::SecondFactorRequired;
    }
    if !is_fresh(request.signed_in_at) {
        return Decision::TooOld;
    }
    match (change, client) {
        (_, ClientKind::Unknown) => Decision::EnrolmentClosed,
        (ChangeKind::PoolFactor | ChangeKind::Address, _)
        | (ChangeKind::NewAuthenticator, ClientKind::Custom { may_enrol: true }) => Decision::Allowed,
        (ChangeKind::NewAuthenticator, _) => Decision::EnrolmentClosed,
        (ChangeKind::RecoveryCodes | ChangeKind::CustomFactor, _) => Decision::SecondFactorRequired,
    }
}

#[cfg(test)]
mod tests {
    use itertools::iproduct;

    use super::*;

    const MAX_AGE: Duration = Duration::from_mins(5);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_767_323_045 + seconds).unwrap()
    }

    fn is_never_first(change: ChangeKind) -> bool {
        matches!(change, ChangeKind::RecoveryCodes | ChangeKind::CustomFactor)
    }

    /// Returns every request that [`decide`] distinguishes.
    fn requests() -> impl Iterator<Item = ChangeRequest> {
        let changes = [
            ChangeKind::PoolFactor,
            ChangeKind::Address,
            ChangeKind::NewAuthenticator,
            ChangeKind::RecoveryCodes,
            ChangeKind::CustomFactor,
        ];
        let clients = [
            ClientKind::Native,
            ClientKind::Custom { may_enrol: true },
            ClientKind::Custom { may_enrol: false },
            ClientKind::Unknown,
        ];
        let evidences = [
            Evidence::UNKNOWN,
            Evidence { level: 2, second_factor_at: None },
            Evidence { level: 2, second_factor_at: Some(at(0)) },
            Evidence { level: 2, second_factor_at: Some(at(-301)) },
        ];
        let flags = [false, true];
        iproduct!(changes, clients, evidences, flags, flags, flags, [0, -301]).map(
            |(change, client, evidence, has_factor, is_covered, has_counted_channel, age)| ChangeRequest {
                change,
                evidence,
                signed_in_at: at(age),
                client,
                coverage: FactorCoverage { has_factor, is_covered, has_counted_channel },
                now: at(0),
                max_age: MAX_AGE,
            },
        )
    }

    #[test]
    fn a_covered_user_needs_a_fresh_second_factor_for_changes() {
        let mut tried = 0;
        for request in requests().filter(|request| request.coverage.has_factor) {
            tried += 1;
            if decide(&request) == Decision::Allowed {
                assert_eq!(request.evidence.second_factor_at, Some(at(0)), "{request:?}");
            }
        }
        assert_eq!(tried, 5 * 4 * 4 * 4 * 2);
    }

    #[test]
    fn recovery_codes_and_devices_are_never_a_first_factor() {
        for request in requests().filter(|request| is_never_first(request.change)) {
            if decide(&request) == Decision::Allowed {
                assert_eq!(request.evidence.second_factor_at, Some(at(0)), "{request:?}");
            }
        }
    }

    #[test]
    fn a_native_password_sign_in_adds_no_custom_factor() {
        let native = requests().filter(|request| !matches!(request.client, ClientKind::Custom { .. }));
        for request in native.filter(|request| request.evidence.second_factor_at.is_none()) {
            if request.change == ChangeKind::NewAuthenticator || is_never_first(request.change) {
                assert_ne!(decide(&request), Decision::Allowed, "{request:?}");
            }
        }
    }

    #[test]
    fn a_first_authenticator_needs_a_fresh_sign_in() {
        let allowed: Vec<_> = requests()
            .filter(|request| request.change == ChangeKind::NewAuthenticator)
            .filter(|request| request.evidence.second_factor_at.is_none())
            .filter(|request| decide(request) == Decision::Allowed)
            .collect();
        assert!(!allowed.is_empty());
        for request in allowed {
            assert_eq!(request.client, ClientKind::Custom { may_enrol: true });
            assert!(!request.coverage.has_factor && !request.coverage.has_counted_channel);
            assert_eq!(request.signed_in_at, at(0));
        }
    }
}

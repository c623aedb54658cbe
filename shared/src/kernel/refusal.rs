use super::RuleMessage;

/// Everything that we refuse, in one closed catalogue: a stable code, a public text and an HTTP
/// status. No other error text reaches a user, but for the message of an operator's own rule.
///
/// A trigger's text is shown as `<Trigger> failed with error <text>.` (COGNITO.md §1.2): short, and
/// without a final full stop, which Cognito adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub enum Refusal {
    // Sign-up and sign-in
    SignUpClosed,
    SignUpNotPossible,
    EmailNotValid,
    PhoneNumberNotValid,
    SignInClosed,
    SignInNotPossible,
    TooManyAttempts,
    /// In the words of the operator whose rule refuses.
    ByRule(RuleMessage),
    SignInIncomplete,
    AppClientUnknown,
    AccountLinked,

    // Who calls the API
    NotSignedIn,
    AccessTokenNeeded,
    ReauthenticationRequired,

    // What was asked of the API
    RouteNotFound,
    MethodNotAllowed,
    JsonMalformed,
    ContentTypeNotSupported,
    BodyTooLarge,
    FieldNotValid,
    QueryNotValid,
    IdempotencyKeyNotValid,
    IdempotencyKeyReused,
    RequestRunning,
    AnswerShownOnce,

    // Factors
    TotpAlreadySetUp,
    TotpNotStarted,
    TotpNotOffered,
    CodeWrong,
    CodeAlreadyUsed,
    TwoPreferredFactors,
    FactorNotSetUp,
    FactorNotChangeable,
    FactorNotFound,
    FactorsChangedMeanwhile,
    PreconditionFailed,
    AuthenticatorConfirmed,
    TooManyAuthenticators,
    DeviceAlreadyTrusted,
    TooManyDevices,
    SecondFactorRequired,
    EnrolmentClosed,
    LastFactor,
    CodeExpired,
    AddressVerified,
    AddressNotSet,
    AddressNotUsable,
    AddressNotChangeable,

    // Recovery
    RecoveryClosed,
    RecoveryNotFound,
    RecoveryNotProven,
    RecoveryWaiting,
    RecoveryOver,
    PasswordWrong,
    PasswordNotAccepted,
    PasswordNotNew,

    // Administrators
    AdministratorNeeded,
    SecondFactorNeeded,
    SignInAmbiguous,
    UserNotFound,
    UserProtected,

    TooManyRequests,
    TemporarilyUnavailable,
}

impl Refusal {
    /// The texts of ours.
    pub const ALL: [Self; 62] = [
        Self::SignUpClosed,
        Self::SignUpNotPossible,
        Self::EmailNotValid,
        Self::PhoneNumberNotValid,
        Self::SignInClosed,
        Self::SignInNotPossible,
        Self::TooManyAttempts,
        Self::SignInIncomplete,
        Self::AppClientUnknown,
        Self::AccountLinked,
        Self::NotSignedIn,
        Self::AccessTokenNeeded,
        Self::ReauthenticationRequired,
        Self::RouteNotFound,
        Self::MethodNotAllowed,
        Self::JsonMalformed,
        Self::ContentTypeNotSupported,
        Self::BodyTooLarge,
        Self::FieldNotValid,
        Self::QueryNotValid,
        Self::IdempotencyKeyNotValid,
        Self::IdempotencyKeyReused,
        Self::RequestRunning,
        Self::AnswerShownOnce,
        Self::TotpAlreadySetUp,
        Self::TotpNotStarted,
        Self::TotpNotOffered,
        Self::CodeWrong,
        Self::CodeAlreadyUsed,
        Self::TwoPreferredFactors,
        Self::FactorNotSetUp,
        Self::FactorNotChangeable,
        Self::FactorNotFound,
        Self::FactorsChangedMeanwhile,
        Self::PreconditionFailed,
        Self::AuthenticatorConfirmed,
        Self::TooManyAuthenticators,
        Self::DeviceAlreadyTrusted,
        Self::TooManyDevices,
        Self::SecondFactorRequired,
        Self::EnrolmentClosed,
        Self::LastFactor,
        Self::CodeExpired,
        Self::AddressVerified,
        Self::AddressNotSet,
        Self::AddressNotUsable,
        Self::AddressNotChangeable,
        Self::RecoveryClosed,
        Self::RecoveryNotFound,
        Self::RecoveryNotProven,
        Self::RecoveryWaiting,
        Self::RecoveryOver,
        Self::PasswordWrong,
        Self::PasswordNotAccepted,
        Self::PasswordNotNew,
        Self::AdministratorNeeded,
        Self::SecondFactorNeeded,
        Self::SignInAmbiguous,
        Self::UserNotFound,
        Self::UserProtected,
        Self::TooManyRequests,
        Self::TemporarilyUnavailable,
    ];

    /// The inverse of [`Refusal::code`], for texts of ours.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }

    /// Stable: clients decide by it.
    pub fn code(self) -> &'static str {
        self.entry().0
    }

    /// May be reworded; clients show it or their own.
    pub fn text(self) -> &'static str {
        self.entry().1
    }

    /// HTTP status of the problem document (RFC 9110).
    pub fn status(self) -> u16 {
        self.entry().2
    }

    #[expect(clippy::too_many_lines, reason = "a table, a line for each refusal")]
    fn entry(self) -> (&'static str, &'static str, u16) {
        match self {
            Self::SignUpClosed => ("sign-up-closed", "Sign-up is closed", 403),
            Self::SignUpNotPossible => {
                ("sign-up-not-possible", "Sign-up is not possible with these details", 403)
            }
            Self::EmailNotValid => ("email-not-valid", "The e-mail address is not valid", 422),
            Self::PhoneNumberNotValid => ("phone-number-not-valid", "The phone number is not valid", 422),
            Self::SignInClosed => ("sign-in-closed", "Sign-in is closed at the moment", 403),
            Self::SignInNotPossible => ("sign-in-not-possible", "Sign-in is not possible here", 403),
            Self::TooManyAttempts => ("too-many-attempts", "Too many attempts; try again later", 429),
            Self::ByRule(message) => ("refused-by-rule", message.text(), 403),
            Self::SignInIncomplete => ("sign-in-incomplete", "Sign in again, with every step", 403),
            Self::AppClientUnknown => ("app-client-unknown", "This app may not sign anybody in", 403),
            Self::AccountLinked => ("account-linked", "Your account is linked now; sign in again", 409),
            Self::NotSignedIn => ("not-signed-in", "Sign in again", 401),
            Self::AccessTokenNeeded => {
                ("access-token-needed", "An access token of a signed-in user is needed", 401)
            }
            Self::ReauthenticationRequired => {
                ("reauthentication-required", "Sign in again to make this change", 401)
            }
            Self::RouteNotFound => ("route-not-found", "There is nothing at this address", 404),
            Self::MethodNotAllowed => ("method-not-allowed", "This address does not take that method", 405),
            Self::JsonMalformed => ("json-malformed", "The body is not JSON", 400),
            Self::ContentTypeNotSupported => {
                ("content-type-not-supported", "The body must be application/json", 415)
            }
            Self::BodyTooLarge => ("body-too-large", "The body is too large", 413),
            Self::FieldNotValid => ("field-not-valid", "A field is missing or has a wrong value", 422),
            Self::QueryNotValid => ("query-not-valid", "The query has a wrong value", 400),
            Self::IdempotencyKeyNotValid => {
                ("idempotency-key-not-valid", "An idempotency key has 1 to 128 visible ASCII characters", 400)
            }
            Self::IdempotencyKeyReused => {
                ("idempotency-key-reused", "This idempotency key was used for another request", 422)
            }
            Self::RequestRunning => {
                ("request-running", "This request is being worked on; ask again in a moment", 409)
            }
            Self::AnswerShownOnce => {
                ("answer-shown-once", "This was done already; its answer is shown only once", 409)
            }
            Self::TotpAlreadySetUp => (
                "totp-already-set-up",
                "An authenticator app is set up already; setting up another stops it at once",
                409,
            ),
            Self::TotpNotStarted => {
                ("totp-not-started", "Start the set-up of an authenticator app first", 409)
            }
            Self::TotpNotOffered => ("totp-not-offered", "Authenticator apps are not offered here", 409),
            Self::CodeWrong => ("code-wrong", "The code is wrong", 422),
            Self::CodeAlreadyUsed => {
                ("code-already-used", "The code was used already; wait for the next one", 422)
            }
            Self::TwoPreferredFactors => ("two-preferred-factors", "Only one factor can be preferred", 409),
            Self::FactorNotSetUp => ("factor-not-set-up", "This factor is not set up yet", 409),
            Self::FactorNotChangeable => {
                ("factor-not-changeable", "This factor cannot be changed as asked", 409)
            }
            Self::FactorNotFound => ("factor-not-found", "There is no such factor", 404),
            Self::FactorsChangedMeanwhile => {
                ("factors-changed-meanwhile", "Your factors were changed elsewhere; look again", 409)
            }
            Self::PreconditionFailed => {
                ("precondition-failed", "Your factors were changed elsewhere; look again", 412)
            }
            Self::AuthenticatorConfirmed => {
                ("authenticator-confirmed", "This authenticator app is set up already", 409)
            }
            Self::TooManyAuthenticators => {
                ("too-many-authenticators", "Remove an authenticator app before adding another", 409)
            }
            Self::DeviceAlreadyTrusted => ("device-already-trusted", "This device is trusted already", 409),
            Self::TooManyDevices => {
                ("too-many-devices", "Remove a trusted device before adding another", 409)
            }
            Self::SecondFactorRequired => {
                ("second-factor-required", "Sign in again with your second factor to make this change", 401)
            }
            Self::EnrolmentClosed => {
                ("enrolment-closed", "Your first authenticator is set up while you sign in", 403)
            }
            Self::LastFactor => ("last-factor", "Set up an authenticator app first", 409),
            Self::CodeExpired => ("code-expired", "The code is no longer valid; ask for another", 422),
            Self::AddressVerified => ("address-verified", "This address is verified already", 409),
            Self::AddressNotSet => ("address-not-set", "There is no address that waits for a code", 409),
            Self::AddressNotUsable => ("address-not-usable", "This address cannot be used", 409),
            Self::AddressNotChangeable => {
                ("address-not-changeable", "This address cannot be changed here", 409)
            }
            Self::RecoveryClosed => ("recovery-closed", "Accounts are not recovered here", 403),
            Self::RecoveryNotFound => {
                ("recovery-not-found", "There is no such recovery, or its time is over", 404)
            }
            Self::RecoveryNotProven => ("recovery-not-proven", "Enter a recovery code first", 409),
            Self::RecoveryWaiting => ("recovery-waiting", "The time for this is not there yet", 409),
            Self::RecoveryOver => ("recovery-over", "This recovery is over; begin another", 409),
            Self::PasswordWrong => ("password-wrong", "The password until now is wrong", 422),
            Self::PasswordNotAccepted => {
                ("password-not-accepted", "This password cannot be used; choose another", 422)
            }
            Self::PasswordNotNew => {
                ("password-not-new", "Choose a password that you did not have before", 422)
            }
            Self::AdministratorNeeded => ("administrator-needed", "Only administrators may do this", 403),
            Self::SecondFactorNeeded => {
                ("second-factor-needed", "Set up a second factor and sign in with it first", 403)
            }
            Self::SignInAmbiguous => (
                "sign-in-ambiguous",
                "You signed in more than once within a minute; wait a minute, then sign in again",
                403,
            ),
            Self::UserNotFound => ("user-not-found", "There is no such user", 404),
            Self::UserProtected => (
                "user-protected",
                "This user cannot be changed here: you, or a member of a protected group",
                403,
            ),
            Self::TooManyRequests => ("too-many-requests", "Too many requests; try again later", 429),
            Self::TemporarilyUnavailable => {
                ("temporarily-unavailable", "This is not available at the moment; try again later", 503)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn catalogue() {
        let table: Vec<String> = Refusal::ALL
            .iter()
            .map(|refusal| format!("{} {}: {}", refusal.status(), refusal.code(), refusal.text()))
            .collect();
        insta::assert_snapshot!(table.join("\n"));
    }

    #[test]
    fn codes_are_unique_and_texts_fit_cognitos_sentence() {
        let codes: BTreeSet<_> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
        assert_eq!(codes.len(), Refusal::ALL.len());
        for refusal in Refusal::ALL {
            assert!(!refusal.text().ends_with('.'), "{refusal:?}");
            assert!(refusal.text().len() <= 100, "{refusal:?}");
        }
    }
}

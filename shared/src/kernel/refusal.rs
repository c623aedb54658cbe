use super::RuleMessage;

/// The closed catalogue of refusals. Each has a stable code, a public text and an HTTP status. The only
/// other error text that a user can read is the message of an operator's own rule.
///
/// Cognito shows a trigger's text as `<Trigger> failed with error <text>.` (cognito.md §1.2). Keep texts
/// short and leave out the final full stop, which Cognito adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub enum Refusal {
    // Sign-up and sign-in
    SignUpClosed,
    SignUpNotPossible,
    EmailNotValid,
    PhoneNumberNotValid,
    PhoneNumberNotUsable,
    SignInClosed,
    SignInNotPossible,
    TooManyAttempts,
    /// Shows the message of the operator's rule.
    ByRule(RuleMessage),
    SignInIncomplete,
    AppClientUnknown,
    AccountLinked,

    // Authentication at the API
    NotSignedIn,
    AccessTokenNeeded,
    ReauthenticationRequired,

    // Requests to the API
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
    RecoveryEnded,
    PasswordWrong,
    PasswordNotAccepted,
    PasswordReused,

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
    /// All built-in refusals. The text of [`Refusal::ByRule`] comes from an operator.
    pub const ALL: [Self; 63] = [
        Self::SignUpClosed,
        Self::SignUpNotPossible,
        Self::EmailNotValid,
        Self::PhoneNumberNotValid,
        Self::PhoneNumberNotUsable,
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
        Self::RecoveryEnded,
        Self::PasswordWrong,
        Self::PasswordNotAccepted,
        Self::PasswordReused,
        Self::AdministratorNeeded,
        Self::SecondFactorNeeded,
        Self::SignInAmbiguous,
        Self::UserNotFound,
        Self::UserProtected,
        Self::TooManyRequests,
        Self::TemporarilyUnavailable,
    ];

    /// Returns the built-in refusal with this code, or `None` if there is no such code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }

    /// Returns the stable code. Clients branch on it.
    pub fn code(self) -> &'static str {
        self.entry().0
    }

    /// Returns the text, which may be reworded. Clients show it or a text of their own.
    pub fn text(self) -> &'static str {
        self.entry().1
    }

    /// Returns the HTTP status of the problem document (RFC 9110).
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
            Self::PhoneNumberNotUsable => {
                ("phone-number-not-usable", "We cannot send text messages to this phone number", 422)
            }
            Self::SignInClosed => ("sign-in-closed", "Sign-in is closed at the moment", 403),
            Self::SignInNotPossible => ("sign-in-not-possible", "Sign-in is not possible", 403),
            Self::TooManyAttempts => ("too-many-attempts", "Too many attempts. Try again later", 429),
            Self::ByRule(message) => ("refused-by-rule", message.text(), 403),
            Self::SignInIncomplete => ("sign-in-incomplete", "Sign-in was not completed. Sign in again", 403),
            Self::AppClientUnknown => ("app-client-unknown", "This app is not allowed to sign users in", 403),
            Self::AccountLinked => ("account-linked", "Your account is now linked. Sign in again", 409),
            Self::NotSignedIn => ("not-signed-in", "You are not signed in. Sign in again", 401),
            Self::AccessTokenNeeded => {
                ("access-token-needed", "Send the access token of a signed-in user", 401)
            }
            Self::ReauthenticationRequired => {
                ("reauthentication-required", "Sign in again to make this change", 401)
            }
            Self::RouteNotFound => ("route-not-found", "This address does not exist", 404),
            Self::MethodNotAllowed => {
                ("method-not-allowed", "This address does not support this method", 405)
            }
            Self::JsonMalformed => ("json-malformed", "The request body is not valid JSON", 400),
            Self::ContentTypeNotSupported => (
                "content-type-not-supported",
                "The request body must have the content type application/json",
                415,
            ),
            Self::BodyTooLarge => ("body-too-large", "The request body is too large", 413),
            Self::FieldNotValid => ("field-not-valid", "A field is missing or not valid", 422),
            Self::QueryNotValid => ("query-not-valid", "A query parameter is not valid", 400),
            Self::IdempotencyKeyNotValid => (
                "idempotency-key-not-valid",
                "The idempotency key must have 1 to 128 visible ASCII characters",
                400,
            ),
            Self::IdempotencyKeyReused => (
                "idempotency-key-reused",
                "This idempotency key was already used for a different request",
                422,
            ),
            Self::RequestRunning => {
                ("request-running", "This request is still being processed. Try again in a moment", 409)
            }
            Self::AnswerShownOnce => {
                ("answer-shown-once", "This request already succeeded. Its response is shown only once", 409)
            }
            Self::TotpAlreadySetUp => (
                "totp-already-set-up",
                "An authenticator app is already set up. Setting up another one stops it at once",
                409,
            ),
            Self::TotpNotStarted => ("totp-not-started", "Start setting up an authenticator app first", 409),
            Self::TotpNotOffered => {
                ("totp-not-offered", "Authenticator apps are not available for this account", 409)
            }
            Self::CodeWrong => ("code-wrong", "The code is wrong", 422),
            Self::CodeAlreadyUsed => {
                ("code-already-used", "This code was already used. Wait for the next one", 422)
            }
            Self::TwoPreferredFactors => ("two-preferred-factors", "Only one factor can be preferred", 409),
            Self::FactorNotSetUp => ("factor-not-set-up", "This factor is not set up yet", 409),
            Self::FactorNotChangeable => {
                ("factor-not-changeable", "This factor cannot be changed in this way", 409)
            }
            Self::FactorNotFound => ("factor-not-found", "This factor does not exist", 404),
            Self::FactorsChangedMeanwhile => (
                "factors-changed-meanwhile",
                "Your factors were changed by another request. Reload and try again",
                409,
            ),
            Self::PreconditionFailed => (
                "precondition-failed",
                "Your factors were changed since you last read them. Reload and try again",
                412,
            ),
            Self::AuthenticatorConfirmed => {
                ("authenticator-confirmed", "This authenticator app is already confirmed", 409)
            }
            Self::TooManyAuthenticators => {
                ("too-many-authenticators", "Remove an authenticator app before you add another", 409)
            }
            Self::DeviceAlreadyTrusted => ("device-already-trusted", "This device is already trusted", 409),
            Self::TooManyDevices => {
                ("too-many-devices", "Remove a trusted device before you add another", 409)
            }
            Self::SecondFactorRequired => {
                ("second-factor-required", "Sign in again with your second factor to make this change", 401)
            }
            Self::EnrolmentClosed => {
                ("enrolment-closed", "Set up your first authenticator app while you sign in", 403)
            }
            Self::LastFactor => ("last-factor", "Set up an authenticator app first", 409),
            Self::CodeExpired => ("code-expired", "The code has expired. Request a new one", 422),
            Self::AddressVerified => ("address-verified", "This address is already verified", 409),
            Self::AddressNotSet => ("address-not-set", "There is no address to verify", 409),
            Self::AddressNotUsable => ("address-not-usable", "This address cannot be used", 409),
            Self::AddressNotChangeable => {
                ("address-not-changeable", "This address cannot be changed here", 409)
            }
            Self::RecoveryClosed => ("recovery-closed", "Account recovery is turned off", 403),
            Self::RecoveryNotFound => {
                ("recovery-not-found", "This recovery does not exist or has expired", 404)
            }
            Self::RecoveryNotProven => ("recovery-not-proven", "Enter a recovery code first", 409),
            Self::RecoveryWaiting => {
                ("recovery-waiting", "This recovery is still in its waiting period. Try again later", 409)
            }
            Self::RecoveryEnded => ("recovery-ended", "This recovery has ended. Start a new one", 409),
            Self::PasswordWrong => ("password-wrong", "The current password is wrong", 422),
            Self::PasswordNotAccepted => {
                ("password-not-accepted", "This password does not meet the requirements. Choose another", 422)
            }
            Self::PasswordReused => {
                ("password-reused", "Choose a password that you have not used before", 422)
            }
            Self::AdministratorNeeded => ("administrator-needed", "Only administrators can do this", 403),
            Self::SecondFactorNeeded => {
                ("second-factor-needed", "Set up a second factor and sign in with it first", 403)
            }
            Self::SignInAmbiguous => (
                "sign-in-ambiguous",
                "You signed in more than once within a minute. Wait a minute, then sign in again",
                403,
            ),
            Self::UserNotFound => ("user-not-found", "This user does not exist", 404),
            Self::UserProtected => (
                "user-protected",
                "You cannot change this user: your own account, or a member of a protected group",
                403,
            ),
            Self::TooManyRequests => ("too-many-requests", "Too many requests. Try again later", 429),
            Self::TemporarilyUnavailable => {
                ("temporarily-unavailable", "This service is temporarily unavailable. Try again later", 503)
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
    fn the_errors_document_has_every_refusal() {
        let document = include_str!("../../../docs/app-developers/errors.md");
        for refusal in Refusal::ALL {
            let row = format!("| {} | `{}` | {} |", refusal.status(), refusal.code(), refusal.text());
            assert!(document.contains(&row), "{row}");
        }
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

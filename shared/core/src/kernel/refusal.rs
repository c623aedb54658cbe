use super::RuleMessage;

/// Makes the catalogue from one line for each refusal: variant, HTTP status, code, text.
macro_rules! catalogue {
    ($($variant:ident => $status:literal, $code:literal, $text:literal;)*) => {
        /// The closed catalogue of refusals. Each has a stable code, a public text and an HTTP status. The
        /// only other error text that a user can read is the message of an operator's own rule.
        ///
        /// Cognito shows a trigger's text as `<Trigger> failed with error <text>.` (cognito.md §1.2). Keep
        /// texts short and leave out the final full stop, which Cognito adds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        #[error("{}", self.text())]
        pub enum Refusal {
            $($variant,)*
            /// Shows the message of the operator's rule.
            ByRule(RuleMessage),
        }

        impl Refusal {
            /// All built-in refusals. The text of [`Refusal::ByRule`] comes from an operator.
            pub const ALL: [Self; [$($code),*].len()] = [$(Self::$variant),*];

            fn entry(self) -> (u16, &'static str, &'static str) {
                match self {
                    $(Self::$variant => ($status, $code, $text),)*
                    Self::ByRule(message) => (403, "refused-by-rule", message.text()),
                }
            }
        }
    };
}

catalogue! {
    // Sign-up and sign-in
    SignUpClosed => 403, "sign-up-closed", "Sign-up is closed";
    SignUpNotPossible => 403, "sign-up-not-possible", "Sign-up is not possible with these details";
    EmailNotValid => 422, "email-not-valid", "The e-mail address is not valid";
    PhoneNumberNotValid => 422, "phone-number-not-valid", "The phone number is not valid";
    PhoneNumberNotUsable => 422, "phone-number-not-usable", "We cannot send text messages to this phone number";
    SignInClosed => 403, "sign-in-closed", "Sign-in is closed at the moment";
    SignInNotPossible => 403, "sign-in-not-possible", "Sign-in is not possible";
    TooManyAttempts => 429, "too-many-attempts", "Too many attempts. Try again later";
    SignInIncomplete => 403, "sign-in-incomplete", "Sign-in was not completed. Sign in again";
    AppClientUnknown => 403, "app-client-unknown", "This app is not allowed to sign users in";
    AccountLinked => 409, "account-linked", "Your account is now linked. Sign in again";

    // Authentication at the API
    NotSignedIn => 401, "not-signed-in", "You are not signed in. Sign in again";
    AccessTokenNeeded => 401, "access-token-needed", "Send the access token of a signed-in user";
    ReauthenticationRequired => 401, "reauthentication-required", "Sign in again to make this change";

    // Requests to the API
    RouteNotFound => 404, "route-not-found", "This address does not exist";
    MethodNotAllowed => 405, "method-not-allowed", "This address does not support this method";
    JsonMalformed => 400, "json-malformed", "The request body is not valid JSON";
    ContentTypeNotSupported => 415, "content-type-not-supported", "The request body must have the content type application/json";
    BodyTooLarge => 413, "body-too-large", "The request body is too large";
    FieldNotValid => 422, "field-not-valid", "A field is missing or not valid";
    QueryNotValid => 400, "query-not-valid", "A query parameter is not valid";
    IdempotencyKeyNotValid => 400, "idempotency-key-not-valid", "The idempotency key must have 1 to 128 visible ASCII characters";
    IdempotencyKeyReused => 422, "idempotency-key-reused", "This idempotency key was already used for a different request";
    RequestRunning => 409, "request-running", "This request is still being processed. Try again in a moment";
    AnswerShownOnce => 409, "answer-shown-once", "This request already succeeded. Its response is shown only once";

    // Factors
    TotpAlreadySetUp => 409, "totp-already-set-up", "An authenticator app is already set up. Setting up another one stops it at once";
    TotpNotStarted => 409, "totp-not-started", "Start setting up an authenticator app first";
    TotpNotOffered => 409, "totp-not-offered", "Authenticator apps are not available for this account";
    CodeWrong => 422, "code-wrong", "The code is wrong";
    CodeAlreadyUsed => 422, "code-already-used", "This code was already used. Wait for the next one";
    TwoPreferredFactors => 409, "two-preferred-factors", "Only one factor can be preferred";
    FactorNotSetUp => 409, "factor-not-set-up", "This factor is not set up yet";
    FactorNotChangeable => 409, "factor-not-changeable", "This factor cannot be changed in this way";
    FactorNotFound => 404, "factor-not-found", "This factor does not exist";
    FactorsChangedMeanwhile => 409, "factors-changed-meanwhile", "Your factors were changed by another request. Reload and try again";
    PreconditionFailed => 412, "precondition-failed", "Your factors were changed since you last read them. Reload and try again";
    AuthenticatorConfirmed => 409, "authenticator-confirmed", "This authenticator app is already confirmed";
    TooManyAuthenticators => 409, "too-many-authenticators", "Remove an authenticator app before you add another";
    DeviceAlreadyTrusted => 409, "device-already-trusted", "This device is already trusted";
    TooManyDevices => 409, "too-many-devices", "Remove a trusted device before you add another";
    PasskeyNotValid => 422, "passkey-not-valid", "This passkey could not be used. Start again";
    TooManyPasskeys => 409, "too-many-passkeys", "Remove a passkey before you add another";
    SecondFactorRequired => 401, "second-factor-required", "Sign in again with your second factor to make this change";
    EnrolmentClosed => 403, "enrolment-closed", "Set up your first authenticator app while you sign in";
    LastFactor => 409, "last-factor", "Set up an authenticator app first";
    CodeExpired => 422, "code-expired", "The code has expired. Request a new one";
    AddressVerified => 409, "address-verified", "This address is already verified";
    AddressNotSet => 409, "address-not-set", "There is no address to verify";
    AddressNotUsable => 409, "address-not-usable", "This address cannot be used";
    AddressNotChangeable => 409, "address-not-changeable", "This address cannot be changed here";

    // Recovery
    RecoveryClosed => 403, "recovery-closed", "Account recovery is turned off";
    RecoveryNotFound => 404, "recovery-not-found", "This recovery does not exist or has expired";
    RecoveryNotProven => 409, "recovery-not-proven", "Enter a recovery code first";
    RecoveryWaiting => 409, "recovery-waiting", "This recovery is still in its waiting period. Try again later";
    RecoveryEnded => 409, "recovery-ended", "This recovery has ended. Start a new one";
    PasswordWrong => 422, "password-wrong", "The current password is wrong";
    PasswordNotAccepted => 422, "password-not-accepted", "This password does not meet the requirements. Choose another";
    PasswordReused => 422, "password-reused", "Choose a password that you have not used before";

    // Administrators
    AdministratorNeeded => 403, "administrator-needed", "Only administrators can do this";
    AdministratorSecondFactorRequired => 403, "administrator-second-factor-required", "Set up a second factor and sign in with it first";
    SignInAmbiguous => 403, "sign-in-ambiguous", "You signed in more than once within a minute. Wait a minute, then sign in again";
    UserNotFound => 404, "user-not-found", "This user does not exist";
    UserProtected => 403, "user-protected", "You cannot change this user: your own account, or a member of a protected group";

    TooManyRequests => 429, "too-many-requests", "Too many requests. Try again later";
    TemporarilyUnavailable => 503, "temporarily-unavailable", "This service is temporarily unavailable. Try again later";
}

impl Refusal {
    /// Returns the built-in refusal with this code, or `None` if there is no such code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }

    /// Returns the stable code. Clients branch on it.
    pub fn code(self) -> &'static str {
        self.entry().1
    }

    /// Returns the text, which may be reworded. Clients show it or a text of their own.
    pub fn text(self) -> &'static str {
        self.entry().2
    }

    /// Returns the HTTP status of the problem document (RFC 9110).
    pub fn status(self) -> u16 {
        self.entry().0
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
        let document = include_str!("../../../../docs/app-developers/errors.md");
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

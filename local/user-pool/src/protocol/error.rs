//! What an operation answers when it refuses (cognito.md §6).

/// The exceptions of `cognito-idp` that are raised here, by their names without `Exception`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    AliasExists,
    CodeMismatch,
    DeviceKeyExists,
    EnableSoftwareTokenMFA,
    ExpiredCode,
    FeatureUnavailableInTier,
    GroupExists,
    InternalError,
    InvalidLambdaResponse,
    InvalidParameter,
    InvalidPassword,
    InvalidUserPoolConfiguration,
    LimitExceeded,
    NotAuthorized,
    OperationNotEnabled,
    PasswordHistoryPolicyViolation,
    PasswordResetRequired,
    RefreshTokenReuse,
    ResourceNotFound,
    Serialization,
    SoftwareTokenMFANotFound,
    Unauthorized,
    UnexpectedLambda,
    UnknownOperation,
    UnsupportedOperation,
    UnsupportedTokenType,
    UnsupportedUserState,
    UserLambdaValidation,
    UserNotConfirmed,
    UserNotFound,
    UserPoolAddOnNotEnabled,
    UsernameExists,
    WebAuthnChallengeNotFound,
    WebAuthnClientMismatch,
    WebAuthnConfigurationMissing,
    WebAuthnCredentialNotSupported,
    WebAuthnNotEnabled,
    WebAuthnOriginNotAllowed,
    WebAuthnRelyingPartyMismatch,
}

impl ErrorCode {
    /// `NotAuthorizedException` and the like, as in `__type`.
    pub fn name(self) -> String {
        format!("{self:?}Exception")
    }

    /// 400 for everything a caller did, 500 for our own faults.
    pub fn status(self) -> u16 {
        if self == Self::InternalError { 500 } else { 400 }
    }
}

/// An operation's refusal: exception and text, both as the client reads them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.name())]
pub struct ApiError {
    pub code: ErrorCode,
    pub message: String,
}

impl ApiError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParameter, message)
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::invalid_parameter(format!("Missing required parameter {parameter}"))
    }

    pub(crate) fn not_authorized(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotAuthorized, message)
    }

    pub(crate) fn wrong_credentials() -> Self {
        Self::not_authorized("Incorrect username or password.")
    }

    pub(crate) fn user_not_found() -> Self {
        Self::new(ErrorCode::UserNotFound, "User does not exist.")
    }

    pub(crate) fn user_disabled() -> Self {
        Self::not_authorized("User is disabled.")
    }

    pub(crate) fn user_not_confirmed() -> Self {
        Self::new(ErrorCode::UserNotConfirmed, "User is not confirmed.")
    }

    pub(crate) fn password_reset_required() -> Self {
        Self::new(ErrorCode::PasswordResetRequired, "Password reset required for the user")
    }

    pub(crate) fn invalid_session() -> Self {
        Self::not_authorized("Invalid session for the user.")
    }

    pub(crate) fn wrong_verification_code() -> Self {
        Self::new(ErrorCode::CodeMismatch, "Invalid verification code provided, please try again.")
    }

    pub(crate) fn expired_code() -> Self {
        Self::new(ErrorCode::ExpiredCode, "Invalid code provided, please request a code again.")
    }

    pub(crate) fn limit_exceeded() -> Self {
        Self::new(ErrorCode::LimitExceeded, "Attempt limit exceeded, please try after some time.")
    }

    pub(crate) fn pool_not_found(id: &str) -> Self {
        Self::new(ErrorCode::ResourceNotFound, format!("User pool {id} does not exist."))
    }

    pub(crate) fn client_not_found(id: &str) -> Self {
        Self::new(ErrorCode::ResourceNotFound, format!("User pool client {id} does not exist."))
    }

    /// For operators in the log; the caller learns nothing of it.
    pub(crate) fn internal(source: impl std::fmt::Display) -> Self {
        tracing::error!(error = %source, "internal fault");
        Self::new(ErrorCode::InternalError, "Internal error.")
    }
}

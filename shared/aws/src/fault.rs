use aws_sdk_cognitoidentityprovider::error::{ProvideErrorMetadata, SdkError};
use mfa_core::kernel::PortError;

/// Converts a failed call of an SDK client to an error that operators may read.
/// We keep only the error code of the
/// service and leave out its text. A validation text quotes the refused value, which may be a token, code,
/// key or address. An error of the connection is kept in full.
pub(crate) fn port_error<E, R>(operation: &'static str) -> impl Fn(SdkError<E, R>) -> PortError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    move |fault| match fault {
        SdkError::ServiceError(answer) => match answer.err().code() {
            Some(code) => PortError::new(operation, code.to_owned()),
            None => PortError::new(operation, "the service answered with an error that has no code"),
        },
        SdkError::ResponseError(_) => PortError::new(operation, "the service's answer can't be read"),
        fault => PortError::new(operation, fault),
    }
}

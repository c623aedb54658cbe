use aws_sdk_cognitoidentityprovider::error::{ProvideErrorMetadata, SdkError};
use shared::kernel::PortError;

/// A failed call of an SDK client, as operators may read it; [`CallFault::of`](crate::CallFault) is the same for our
/// own. What a service says is left out, only its error's code is
/// kept: validation texts quote the values they refuse, which may be tokens, codes, keys or addresses.
/// What went wrong on the way is told as it is.
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

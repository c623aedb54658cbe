//! What `CreateUserPoolClient` and `UpdateUserPoolClient` check.

use jiff::SignedDuration;

use crate::model::client::{Client, ClientSettings};
use crate::protocol::error::ApiError;

/// Flows of the old names and the new don't mix; tokens live within Cognito's bounds.
pub(super) fn check(client: &Client) -> Result<(), ApiError> {
    check_flows(&client.settings)?;
    let bounds = [
        ("access token", client.access_token_validity(), 5 * 60, 86_400),
        ("ID token", client.id_token_validity(), 5 * 60, 86_400),
        (
            "refresh token",
            client.refresh_token_validity(),
            3600,
            315_360_000,
        ),
    ];
    for (what, validity, least, most) in bounds {
        if validity < SignedDuration::from_secs(least) || validity > SignedDuration::from_secs(most) {
            return Err(ApiError::invalid_parameter(format!(
                "Invalid range for {what} validity."
            )));
        }
    }
    if client.access_token_validity() > client.refresh_token_validity() {
        return Err(ApiError::invalid_parameter(
            "Access token validity can't exceed refresh token validity.",
        ));
    }
    Ok(())
}

fn check_flows(settings: &ClientSettings) -> Result<(), ApiError> {
    let flows = settings.explicit_auth_flows.as_deref().unwrap_or_default();
    let modern = flows.iter().filter(|flow| flow.starts_with("ALLOW_")).count();
    if modern != 0 && modern != flows.len() {
        return Err(ApiError::invalid_parameter(
            "Values with ALLOW_ prefix cannot be used along with values without ALLOW_ prefix in ExplicitAuthFlows.",
        ));
    }
    Ok(())
}

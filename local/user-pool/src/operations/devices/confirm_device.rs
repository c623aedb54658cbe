//! `ConfirmDevice`: the device of this sign-in gets its verifier.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::device::Device;
use crate::operations::operation;
use crate::protocol::error::ApiError;
use crate::protocol::error::ErrorCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;

operation!("ConfirmDevice", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    access_token: String,
    device_key: String,
    device_name: Option<String>,
    device_secret_verifier_config: Option<Verifier>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let bearer = pools.bearer(&input.access_token).await?;
    let Some(configuration) = bearer.pool.settings.device_configuration else {
        return Err(ApiError::new(
            ErrorCode::InvalidUserPoolConfiguration,
            "User pool is not configured to remember devices.",
        ));
    };
    let sign_in = pools.store.sign_in(&bearer.pool.id, &bearer.user.sub, &bearer.origin_jti);
    let offered = sign_in.filter(|sign_in| sign_in.device_key.as_deref() == Some(&input.device_key));
    let group_key = offered
        .and_then(|sign_in| sign_in.device_group_key.clone())
        .ok_or_else(|| ApiError::invalid_parameter("Invalid device key given."))?;
    let config =
        input.device_secret_verifier_config.ok_or_else(|| ApiError::missing("DeviceSecretVerifierConfig"))?;
    let now = pools.now();
    let device = Device {
        key: input.device_key.clone(),
        group_key,
        name: input.device_name,
        salt: as_hex(config.salt.as_deref())?,
        verifier: as_hex(config.password_verifier.as_deref())?,
        remembered: !configuration.device_only_remembered_on_user_prompt,
        last_ip: "127.0.0.1".to_owned(),
        created: now,
        modified: now,
        last_authenticated: now,
    };
    pools.store.update_user(&bearer.pool.id, &bearer.user.sub, |user| {
        if user.devices.contains_key(&input.device_key) {
            return Err(ApiError::new(ErrorCode::DeviceKeyExists, "Device already exists."));
        }
        user.devices.insert(input.device_key, device);
        Ok(())
    })?;
    Ok(json!({"UserConfirmationNecessary": configuration.device_only_remembered_on_user_prompt}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Verifier {
    password_verifier: Option<String>,
    salt: Option<String>,
}

fn as_hex(base64: Option<&str>) -> Result<String, ApiError> {
    let invalid = || ApiError::invalid_parameter("Invalid device secret verifier config.");
    let bytes = STANDARD.decode(base64.ok_or_else(invalid)?).map_err(|_| invalid())?;
    if bytes.is_empty() { Err(invalid()) } else { Ok(HEXLOWER.encode(&bytes)) }
}

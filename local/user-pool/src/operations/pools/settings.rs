//! What `CreateUserPool` and `UpdateUserPool` have in common.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::UserPools;
use crate::model::attributes::SchemaAttribute;
use crate::model::policies::AuthFactor;
use crate::model::pool::{FixedSettings, LambdaConfig, MfaState, PoolSettings, VersionedLambda};
use crate::model::risk::UserPoolAddOns;
use crate::protocol::error::{ApiError, ErrorCode};

/// The members that aren't settings, and the settings.
pub(super) struct Parts {
    pub(super) pool_id: Option<String>,
    pub(super) pool_name: Option<String>,
    pub(super) schema: Vec<SchemaAttribute>,
    pub(super) fixed: FixedSettings,
    pub(super) mfa: MfaState,
    pub(super) settings: PoolSettings,
}

#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Input(Map<String, Value>);

impl Input {
    pub(super) fn parts(self) -> Result<Parts, ApiError> {
        let mut members = self.0;
        // The schema is kept apart; CreateUserPool's tags are the pool's own.
        let mut take = |name: &str| members.remove(name);
        let pool_id = take("UserPoolId").and_then(|id| id.as_str().map(str::to_owned));
        let pool_name = take("PoolName").and_then(|name| name.as_str().map(str::to_owned));
        let schema = take("Schema").map_or_else(|| Ok(Vec::new()), parse)?;
        let mfa = take("MfaConfiguration").map_or_else(|| Ok(MfaState::Off), parse)?;
        let fixed = ["AliasAttributes", "UsernameAttributes", "UsernameConfiguration"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), take(name)?)))
            .collect::<Map<_, _>>();
        let fixed = parse(Value::Object(fixed))?;
        let mut settings: PoolSettings = parse(Value::Object(members))?;
        check(&mut settings)?;
        Ok(Parts { pool_id, pool_name, schema, fixed, mfa, settings })
    }
}

fn parse<T: DeserializeOwned>(value: Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(value)
        .map_err(|fault| ApiError::invalid_parameter(format!("Invalid value at {}", fault.path())))
}

fn check(settings: &mut PoolSettings) -> Result<(), ApiError> {
    let length = settings.policies.password_policy.minimum_length;
    if !(6..=99).contains(&length) {
        return Err(ApiError::invalid_parameter("Password minimum length must be between 6 and 99"));
    }
    check_first_factors(settings)?;
    check_tier(settings)?;
    check_lambda_config(&mut settings.lambda_config)
}

/// cognito.md §3.10: a passkey cannot be the only first factor, and TOTP cannot be one.
fn check_first_factors(settings: &PoolSettings) -> Result<(), ApiError> {
    let allowed = settings.first_factors();
    if allowed.contains(&AuthFactor::SoftwareToken) {
        return Err(ApiError::invalid_parameter("SOFTWARE_TOKEN is not supported as a first auth factor."));
    }
    if allowed == [AuthFactor::WebAuthn] {
        return Err(ApiError::invalid_parameter("WEB_AUTHN cannot be the only allowed first auth factor."));
    }
    if settings.user_pool_tier == "LITE" && allowed != [AuthFactor::Password] {
        return Err(ApiError::new(
            ErrorCode::FeatureUnavailableInTier,
            "The following features need to be disabled for the LITE pricing tier configured: Passwordless sign-in",
        ));
    }
    Ok(())
}

/// cognito.md §4.9
fn check_tier(settings: &PoolSettings) -> Result<(), ApiError> {
    let tier = &settings.user_pool_tier;
    let protected = settings.user_pool_add_ons.as_ref().is_some_and(UserPoolAddOns::is_on);
    if !protected || tier == "PLUS" {
        return Ok(());
    }
    let text = format!(
        "The following features need to be disabled for the {tier} pricing tier configured: Threat Protection"
    );
    Err(ApiError::new(ErrorCode::FeatureUnavailableInTier, text))
}

/// For the codes of custom senders.
pub(super) fn ask_for_key(pools: &UserPools, id: &str, settings: &PoolSettings) {
    if let Some(key) = &settings.lambda_config.kms_key_id {
        pools.config.data_keys.grant(key, &BTreeMap::from([("userpool-id".to_owned(), id.to_owned())]));
    }
}

/// A sender needs its key; pre-token generation is said once or twice the same.
fn check_lambda_config(config: &mut LambdaConfig) -> Result<(), ApiError> {
    let has_sender = config.custom_sms_sender.is_some() || config.custom_email_sender.is_some();
    if has_sender && config.kms_key_id.is_none() {
        return Err(ApiError::invalid_parameter("KMSKeyID is required for a custom sender."));
    }
    match (&config.pre_token_generation, &config.pre_token_generation_config) {
        (Some(plain), Some(versioned)) if *plain != versioned.lambda_arn => Err(ApiError::invalid_parameter(
            "PreTokenGeneration and PreTokenGenerationConfig must name the same function.",
        )),
        (Some(plain), None) => {
            config.pre_token_generation_config =
                Some(VersionedLambda { lambda_version: "V1_0".to_owned(), lambda_arn: plain.clone() });
            Ok(())
        }
        (None, Some(versioned)) => {
            config.pre_token_generation = Some(versioned.lambda_arn.clone());
            Ok(())
        }
        _ => Ok(()),
    }
}

//! `SetUserPoolMfaConfig`: the pool's MFA state and its factors, replaced as a whole.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::UserPools;
use crate::model::policies::AuthFactor;
use crate::model::pool::{
    EmailMfa, MfaSettings, MfaState, Pool, PoolSettings, SoftwareTokenMfa, WebAuthnConfiguration,
};
use crate::operations::operation;
use crate::passkeys;
use crate::protocol::error::{ApiError, ErrorCode};

operation!("SetUserPoolMfaConfig", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    sms_mfa_configuration: Option<Value>,
    software_token_mfa_configuration: Option<SoftwareTokenMfa>,
    email_mfa_configuration: Option<EmailMfa>,
    mfa_configuration: Option<MfaState>,
    web_authn_configuration: Option<WebAuthnConfiguration>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let id = input.user_pool_id.clone();
    let mfa = pools.store.update_pool(&id, |pool| {
        pool.mfa = checked(pool, input)?;
        pool.modified = pools.now();
        Ok(pool.mfa.clone())
    })?;
    Ok(json!(mfa))
}

fn checked(pool: &Pool, input: Input) -> Result<MfaSettings, ApiError> {
    let settings = MfaSettings {
        state: input.mfa_configuration.unwrap_or_default(),
        sms: input.sms_mfa_configuration,
        software_token: input.software_token_mfa_configuration.unwrap_or_default(),
        email: input.email_mfa_configuration,
        web_authn: input.web_authn_configuration,
    };
    let has_factor = settings.sms.is_some() || settings.software_token.enabled || settings.email.is_some();
    match settings.state {
        MfaState::Off if has_factor => Err(ApiError::invalid_parameter(
            "Invalid MFA configuration given, can't turn off MFA and configure an MFA together.",
        )),
        MfaState::Optional | MfaState::On if !has_factor => Err(ApiError::invalid_parameter(
            "Invalid MFA Configuration given. SMS MFA, Email MFA, or Software Token MFA must be enabled.",
        )),
        _ => {
            check_sms(&settings, pool)?;
            check_email(&settings, pool)?;
            check_passkeys(&settings, pool)?;
            Ok(settings)
        }
    }
}

fn recovers_only_by(settings: &PoolSettings, name: &str) -> bool {
    settings.account_recovery_setting.as_ref().is_some_and(|setting| {
        let mechanisms = &setting.recovery_mechanisms;
        !mechanisms.is_empty() && mechanisms.iter().all(|mechanism| mechanism.name == name)
    })
}

fn check_sms(settings: &MfaSettings, pool: &Pool) -> Result<(), ApiError> {
    let Some(sms) = &settings.sms else {
        return Ok(());
    };
    let has_sender = sms.get("SmsConfiguration").is_some() || pool.settings.sms_configuration.is_some();
    if !has_sender {
        return Err(sms_configuration_required());
    }
    if recovers_only_by(&pool.settings, "verified_phone_number") {
        return Err(ApiError::invalid_parameter(
            "Account Recovery Setting cannot use verified_phone_number as a recovery mechanism when SMS MFA is configured.",
        ));
    }
    Ok(())
}

/// cognito.md §4.1: a plan above Lite, a sender of the pool's own, another way to recover.
fn check_email(settings: &MfaSettings, pool: &Pool) -> Result<(), ApiError> {
    if settings.email.is_none() {
        return Ok(());
    }
    if pool.settings.user_pool_tier == "LITE" {
        return Err(ApiError::new(
            ErrorCode::FeatureUnavailableInTier,
            "Email MFA is not available in the Lite tier.",
        ));
    }
    if !pool.settings.email_configuration.is_developer() {
        return Err(ApiError::invalid_parameter(
            "Email MFA requires an email configuration with EmailSendingAccount DEVELOPER.",
        ));
    }
    if recovers_only_by(&pool.settings, "verified_email") {
        return Err(ApiError::invalid_parameter(
            "Account Recovery Setting cannot use verified_email as the only recovery mechanism when Email MFA is configured.",
        ));
    }
    Ok(())
}

/// cognito.md §4.10
fn check_passkeys(settings: &MfaSettings, pool: &Pool) -> Result<(), ApiError> {
    if let Some(configuration) = &settings.web_authn {
        passkeys::check(configuration)?;
    }
    if settings.counts_passkeys_as_mfa() && pool.settings.user_pool_tier == "LITE" {
        return Err(ApiError::new(
            ErrorCode::FeatureUnavailableInTier,
            "Passkey MFA is not available in the Lite tier.",
        ));
    }
    let allowed = pool.first_factors();
    if settings.state != MfaState::On {
        return Ok(());
    }
    refuse_codes_with_mfa(&allowed)?;
    if allowed.contains(&AuthFactor::WebAuthn) && !settings.counts_passkeys_as_mfa() {
        return Err(ApiError::invalid_parameter(
            "Cannot set WebAuthn factor configuration to SINGLE_FACTOR if MFA is required and WebAuthn is an allowed first auth factor",
        ));
    }
    Ok(())
}

fn refuse_codes_with_mfa(allowed: &[AuthFactor]) -> Result<(), ApiError> {
    if allowed.contains(&AuthFactor::EmailOtp) || allowed.contains(&AuthFactor::SmsOtp) {
        return Err(ApiError::invalid_parameter(
            "EMAIL_OTP and SMS_OTP cannot be used as auth factors when MFA is required.",
        ));
    }
    Ok(())
}

fn sms_configuration_required() -> ApiError {
    ApiError::invalid_parameter(
        "SMS configuration and Auto verification for phone_number are required when MFA is required/optional",
    )
}

/// `MfaConfiguration` of `CreateUserPool` and `UpdateUserPool`, which speak of SMS only.
pub(super) fn mfa_with_sms(
    mut mfa: MfaSettings,
    state: MfaState,
    settings: &PoolSettings,
) -> Result<MfaSettings, ApiError> {
    mfa.state = state;
    if state == MfaState::On {
        let allowed = settings.first_factors();
        refuse_codes_with_mfa(&allowed)?;
        if allowed.contains(&AuthFactor::WebAuthn) && !mfa.counts_passkeys_as_mfa() {
            return Err(ApiError::invalid_parameter(
                "WEB_AUTHN cannot be used as an auth factor when MFA is enabled if not configured for MFA.",
            ));
        }
    }
    if state == MfaState::Off {
        return Ok(mfa);
    }
    if let Some(sms) = &settings.sms_configuration {
        mfa.sms.get_or_insert_with(|| json!({"SmsConfiguration": sms}));
    }
    let has_factor = mfa.sms.is_some() || mfa.software_token.enabled || mfa.email.is_some();
    if has_factor { Ok(mfa) } else { Err(sms_configuration_required()) }
}

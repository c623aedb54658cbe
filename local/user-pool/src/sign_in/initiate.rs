//! `InitiateAuth` and `AdminInitiateAuth`: the flow, the user, `PreAuthentication`, the first step.

use std::sync::Arc;

use serde_json::{Value, json};

use super::risk::Watched;
use super::{
    Attempt, Flow, Outcome, Stage, Subject, Turn, check_secret_hash, password_proof, refresh, user_auth,
};
use crate::UserPools;
use crate::model::client::{Client, Permission};
use crate::model::pool::Pool;
use crate::model::user::{User, UserStatus};
use crate::protocol::error::{ApiError, ErrorCode};
use crate::triggers::event::Metadata;
use crate::triggers::{self, Event, Trigger};

pub(crate) struct Initiation {
    pub(crate) pool: Arc<Pool>,
    pub(crate) client: Arc<Client>,
    /// `AuthFlow`.
    pub(crate) flow: String,
    /// `AuthParameters`: strings, as the protocol has checked.
    pub(crate) parameters: Metadata,
    /// `ClientMetadata`, which triggers see as `validationData`.
    pub(crate) metadata: Option<Metadata>,
    /// `Session`: of `ConfirmSignUp`, in `USER_AUTH`.
    pub(crate) session: Option<String>,
    pub(crate) by_administrator: bool,
    /// The user's own, from a caller who may tell it (cognito.md §4.9).
    pub(crate) address: Option<String>,
}

impl Initiation {
    pub(super) fn optional(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).and_then(Value::as_str)
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.optional(name).filter(|value| !value.is_empty()).ok_or_else(|| ApiError::missing(name))
    }

    fn permit(&self, permission: Permission) -> Result<(), ApiError> {
        if self.client.permits(permission) {
            return Ok(());
        }
        Err(ApiError::invalid_parameter(if self.client.is_custom_only() {
            "Only custom auth (lambda driven) is enabled for this client.".to_owned()
        } else {
            format!("{} flow not enabled for this client", self.flow)
        }))
    }
}

pub(crate) async fn initiate(pools: &UserPools, initiation: Initiation) -> Result<Outcome, ApiError> {
    match (initiation.flow.as_str(), initiation.by_administrator) {
        ("USER_SRP_AUTH", _) => {
            initiation.permit(Permission::UserSrp)?;
            password_proof::begin_srp(pools, &initiation).await
        }
        ("USER_PASSWORD_AUTH", _) => {
            initiation.permit(Permission::UserPassword)?;
            password_proof::check_password(pools, &initiation).await
        }
        ("ADMIN_USER_PASSWORD_AUTH" | "ADMIN_NO_SRP_AUTH", true) => {
            initiation.permit(Permission::AdminPassword)?;
            password_proof::check_password(pools, &initiation).await
        }
        ("ADMIN_USER_PASSWORD_AUTH" | "ADMIN_NO_SRP_AUTH", false) => {
            Err(ApiError::invalid_parameter("Initiate Auth method not supported."))
        }
        ("USER_AUTH", _) => {
            initiation.permit(Permission::UserAuth)?;
            user_auth::begin(pools, &initiation).await
        }
        ("CUSTOM_AUTH", _) => {
            initiation.permit(Permission::Custom)?;
            begin_custom(pools, &initiation).await
        }
        ("REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN", _) => {
            initiation.permit(Permission::Refresh)?;
            refresh::refresh(pools, &initiation).await
        }
        (flow, _) => Err(ApiError::new(
            ErrorCode::UnsupportedOperation,
            format!("{flow} is not built in the local user pool."),
        )),
    }
}

async fn begin_custom(pools: &UserPools, initiation: &Initiation) -> Result<Outcome, ApiError> {
    let lambda = &initiation.pool.settings.lambda_config;
    if lambda.define_auth_challenge.is_none() {
        return Err(super::custom::not_configured());
    }
    let with_srp = initiation.optional("CHALLENGE_NAME") == Some("SRP_A");
    let mut turn = initiation.turn(pools, Flow::Custom)?;
    if with_srp {
        initiation.required("SRP_A")?;
    }
    if pools.switches().pre_authentication_in_custom_auth {
        turn.pre_authenticate(initiation.metadata.as_ref()).await?;
    }
    if let Some(user) = &turn.user {
        check_may_sign_in(user)?;
    }
    if with_srp {
        let exchange = password_proof::exchange(&turn, initiation.required("SRP_A")?)?;
        turn.remember("SRP_A", true, None);
        turn.attempt.stage = Stage::PasswordVerifier(Box::new(exchange));
    }
    turn.define().await
}

/// A user who is switched off, never confirmed, or told to reset isn't let on to any challenge.
pub(super) fn check_may_sign_in(user: &User) -> Result<(), ApiError> {
    if !user.enabled {
        return Err(ApiError::user_disabled());
    }
    match user.status {
        UserStatus::Unconfirmed => Err(ApiError::user_not_confirmed()),
        UserStatus::ResetRequired => Err(ApiError::password_reset_required()),
        UserStatus::Confirmed | UserStatus::ForceChangePassword => Ok(()),
        UserStatus::ExternalProvider => Err(ApiError::wrong_credentials()),
    }
}

impl Initiation {
    /// The turn of the user who is named, after the parameters that every flow has.
    pub(super) fn turn<'a>(&self, pools: &'a UserPools, flow: Flow) -> Result<Turn<'a>, ApiError> {
        let name = self.required("USERNAME")?;
        check_secret_hash(&self.client, &[name], self.optional("SECRET_HASH"))?;
        let user = pools.store.find_user(&self.pool.id, name);
        let subject = match &user {
            Some(user) => Subject::Known { sub: user.sub.clone() },
            None if self.client.hides_user_existence() => Subject::Unknown { name: name.to_owned() },
            None => return Err(ApiError::user_not_found()),
        };
        let watched = Watched::begin(self.address.as_deref())?;
        let mut turn = Turn {
            pools,
            pool: Arc::clone(&self.pool),
            client: Arc::clone(&self.client),
            user,
            attempt: Attempt::new(&self.pool, &self.client, subject, flow, watched),
            metadata: None,
        };
        turn.refuse_blocked_address()?;
        turn.take_device_key(self.optional("DEVICE_KEY"))?;
        Ok(turn)
    }
}

impl Turn<'_> {
    /// `userNotFound` where the client hides who exists, else nothing.
    pub(super) fn with_user_not_found(&self, mut request: Value) -> Value {
        if let Value::Object(members) = &mut request
            && self.client.hides_user_existence()
        {
            members.insert("userNotFound".to_owned(), self.user.is_none().into());
        }
        request
    }

    pub(super) fn user_attributes(&self) -> Value {
        self.user.as_ref().map_or_else(|| json!({}), |user| user.event_attributes(&self.pool))
    }

    pub(super) async fn run_trigger(
        &self,
        trigger: Trigger,
        function_arn: &str,
        source: &str,
        request: Value,
        response: Value,
    ) -> Result<Value, ApiError> {
        let event = Event {
            pool: &self.pool,
            client_id: &self.client.id,
            source: source.to_owned(),
            username: self.username(),
            version: "1",
            request,
            response: Some(response),
        };
        triggers::invoke(self.pools, trigger, function_arn, event).await
    }

    /// Before the password is looked at; its refusal is the answer (cognito.md §1.7).
    pub(super) async fn pre_authenticate(&self, validation_data: Option<&Metadata>) -> Result<(), ApiError> {
        let Some(function) = &self.pool.settings.lambda_config.pre_authentication else {
            return Ok(());
        };
        let request = self.with_user_not_found(json!({
            "userAttributes": self.user_attributes(),
            "validationData": validation_data,
        }));
        let source = "PreAuthentication_Authentication";
        self.run_trigger(Trigger::PreAuthentication, function, source, request, json!({})).await?;
        Ok(())
    }
}

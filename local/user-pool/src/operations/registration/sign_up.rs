//! `SignUp`

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::confirmation::{
    PreSignUpEvent, attribute_to_confirm, new_username, post_confirmation, pre_sign_up, send_confirmation,
};
use crate::UserPools;
use crate::delivery::Occasion;
use crate::model::attributes::{self, Attribute, Writer};
use crate::model::user::{User, UserStatus};
use crate::operations::operation;
use crate::password;
use crate::protocol::error::{ApiError, ErrorCode};
use crate::sign_in::check_secret_hash;
use crate::triggers::event::Metadata;

operation!("SignUp", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    client_id: String,
    secret_hash: Option<String>,
    username: String,
    password: Option<String>,
    #[serde(default)]
    user_attributes: Vec<Attribute>,
    validation_data: Option<Vec<Attribute>>,
    client_metadata: Option<Metadata>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let (pool, client) = pools.store.client(&input.client_id)?;
    check_secret_hash(&client, &[&input.username], input.secret_hash.as_deref())?;
    if pool.settings.admin_create_user_config.allow_admin_create_user_only {
        return Err(ApiError::not_authorized("SignUp is not permitted for this user pool"));
    }
    match &input.password {
        Some(password) => password::check_policy(&pool.settings.policies.password_policy, password)?,
        // A user who can sign in with a code needs no password (cognito.md §3.10).
        None if pool.lets_users_have_no_password() => {}
        None => return Err(ApiError::missing("PASSWORD")),
    }
    client.check_may_write(&input.user_attributes)?;
    let mut attributes = attributes::check(&pool.schema, input.user_attributes, Writer::User)?;
    let (username, sub) = new_username(&pool, &input.username, &mut attributes)?;
    attributes::check_required(&pool.schema, &attributes)?;
    if pools.store.find_user(&pool.id, &input.username).is_some() {
        return Err(ApiError::new(ErrorCode::UsernameExists, "User already exists"));
    }

    let event = PreSignUpEvent {
        client_id: &client.id,
        source: "PreSignUp_SignUp",
        username: &username,
        attributes: json!(attributes),
        validation_data: input.validation_data.map(as_map),
        metadata: input.client_metadata.as_ref(),
    };
    let decision = pre_sign_up(pools, &pool, event).await?;
    verify(&mut attributes, "email", decision.verify_email)?;
    verify(&mut attributes, "phone_number", decision.verify_phone)?;

    let now = pools.now();
    let status = if decision.confirm { UserStatus::Confirmed } else { UserStatus::Unconfirmed };
    let password = input.password.as_deref().map(|password| password::verifier(&pool, &username, password));
    let user = User { password, ..User::new(sub.clone(), username.clone(), status, attributes, now) };
    for attribute in pool.alias_attributes() {
        // An address the function vouches for moves to the new user.
        if user.is_verified(attribute)
            && let Some(value) = user.attribute(attribute)
        {
            pools.store.release_alias(&pool.id, attribute, value, &sub)?;
        }
    }
    let user = pools.store.insert_user(&pool.id, user)?;

    let metadata = input.client_metadata.as_ref();
    let mut details = None;
    if decision.confirm {
        post_confirmation(pools, &pool, &client.id, &user, "ConfirmSignUp", metadata).await?;
    } else if let Some(attribute) = attribute_to_confirm(&pool, &user) {
        let occasion = Occasion::SignUp;
        details =
            Some(send_confirmation(pools, &pool, &client.id, &sub, attribute, occasion, metadata).await?);
    }
    let session = if decision.confirm { None } else { pools.open_sign_up(&pool, &client, &sub)? };
    Ok(json!({
        "UserConfirmed": decision.confirm,
        "UserSub": sub,
        "CodeDeliveryDetails": details,
        "Session": session,
    }))
}

fn as_map(list: Vec<Attribute>) -> Value {
    let pairs = list.into_iter().map(|Attribute { name, value }| (name, value.into()));
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn verify(attributes: &mut BTreeMap<String, String>, name: &str, verified: bool) -> Result<(), ApiError> {
    if !verified {
        return Ok(());
    }
    if attributes.get(name).is_none_or(std::string::String::is_empty) {
        return Err(ApiError::new(
            ErrorCode::InvalidLambdaResponse,
            format!("{name} is not present and can't be verified automatically."),
        ));
    }
    attributes.insert(format!("{name}_verified"), "true".to_owned());
    Ok(())
}

//! `AdminCreateUser`: a user with a temporary password, and the message that tells it.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::UserPools;
use crate::delivery::{self, Delivery, Occasion};
use crate::model::attributes::{self, Attribute, Writer};
use crate::model::pool::Pool;
use crate::model::user::{User, UserStatus};
use crate::operations::operation;
use crate::operations::registration::{PreSignUpEvent, new_username, pre_sign_up};
use crate::password;
use crate::protocol::error::{ApiError, ErrorCode};
use crate::triggers::event::{Metadata, NO_CLIENT};

operation!("AdminCreateUser", run);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    user_pool_id: String,
    username: String,
    #[serde(default)]
    user_attributes: Vec<Attribute>,
    validation_data: Option<Vec<Attribute>>,
    temporary_password: Option<String>,
    #[serde(default)]
    force_alias_creation: bool,
    message_action: Option<String>,
    #[serde(default)]
    desired_delivery_mediums: Vec<String>,
    client_metadata: Option<Metadata>,
}

async fn run(pools: &UserPools, input: Input) -> Result<Value, ApiError> {
    let pool = pools.store.pool(&input.user_pool_id)?;
    let policy = &pool.settings.policies.password_policy;
    if let Some(password) = input.temporary_password.as_ref().filter(|password| !password.is_empty()) {
        password::check_policy(policy, password)?;
    }
    let resends = input.message_action.as_deref() == Some("RESEND");
    let given = input.temporary_password.as_deref().filter(|password| !password.is_empty());
    if given.is_none() && !resends && pool.lets_users_have_no_password() {
        let user = create(pools, &pool, &input, None).await?;
        return Ok(json!({"User": user.describe()}));
    }
    let password = given.map_or_else(|| password::temporary(policy), str::to_owned);
    let user = if resends {
        renew(pools, &pool, &input.username, &password)?
    } else {
        create(pools, &pool, &input, Some(&password)).await?
    };
    if input.message_action.as_deref() != Some("SUPPRESS") {
        invite(pools, &pool, &input, &user, &password).await?;
    }
    Ok(json!({"User": user.describe()}))
}

/// A new temporary password for a user who hasn't changed the first.
fn renew(pools: &UserPools, pool: &Pool, username: &str, password: &str) -> Result<User, ApiError> {
    let user = pools.store.named_user(&pool.id, username)?;
    pools.store.update_user(&pool.id, &user.sub, |user| {
        if user.status != UserStatus::ForceChangePassword {
            return Err(ApiError::new(
                ErrorCode::UnsupportedUserState,
                format!("Resend not possible. {} status is not FORCE_CHANGE_PASSWORD", user.username),
            ));
        }
        user.password = Some(password::verifier(pool, &user.username, password));
        user.temporary_password_expires = password::temporary_until(pool, pools.now());
        Ok(user.clone())
    })
}

/// Without a password the user is confirmed at once and signs in with a code (cognito.md §3.10).
async fn create(
    pools: &UserPools,
    pool: &Pool,
    input: &Input,
    password: Option<&str>,
) -> Result<User, ApiError> {
    let status = if password.is_some() { UserStatus::ForceChangePassword } else { UserStatus::Confirmed };
    let mut attributes =
        attributes::check(&pool.schema, input.user_attributes.clone(), Writer::Administrator)?;
    let (username, sub) = new_username(pool, &input.username, &mut attributes)?;
    if pools.store.find_user(&pool.id, &input.username).is_some() {
        return Err(ApiError::new(ErrorCode::UsernameExists, "User account already exists"));
    }
    let mut seen = json!(attributes);
    if let Value::Object(seen) = &mut seen {
        seen.insert("cognito:user_status".to_owned(), status.as_str().into());
    }
    let validation_data = input.validation_data.as_ref().map(|list| {
        let pairs = list.iter().map(|item| (item.name.clone(), item.value.clone().into()));
        Value::Object(pairs.collect::<Map<_, _>>())
    });
    let event = PreSignUpEvent {
        client_id: NO_CLIENT,
        source: "PreSignUp_AdminCreateUser",
        username: &username,
        attributes: seen,
        validation_data,
        metadata: input.client_metadata.as_ref(),
    };
    // Its booleans count for nothing here (cognito.md §1.5).
    pre_sign_up(pools, pool, event).await?;
    let now = pools.now();
    let user = User {
        password: password.map(|password| password::verifier(pool, &username, password)),
        temporary_password_expires: password.and_then(|_| password::temporary_until(pool, now)),
        ..User::new(sub.clone(), username, status, attributes, now)
    };
    if input.force_alias_creation {
        for attribute in pool.alias_attributes() {
            if let Some(value) = user.attribute(attribute).filter(|_| user.is_verified(attribute)) {
                pools.store.release_alias(&pool.id, attribute, value, &sub)?;
            }
        }
    }
    Ok(User::clone(&*pools.store.insert_user(&pool.id, user)?))
}

/// By the wished channel, SMS by default, as far as the user has an address there.
async fn invite(
    pools: &UserPools,
    pool: &Pool,
    input: &Input,
    user: &User,
    password: &str,
) -> Result<(), ApiError> {
    let by_email = input.desired_delivery_mediums.iter().any(|medium| medium == "EMAIL");
    let by_sms = !by_email || input.desired_delivery_mediums.iter().any(|medium| medium == "SMS");
    let mut attributes: Vec<&str> = [("phone_number", by_sms), ("email", by_email)]
        .into_iter()
        .filter(|(attribute, wished)| *wished && user.attribute(attribute).is_some())
        .map(|(attribute, _)| attribute)
        .collect();
    if attributes.is_empty() {
        attributes.extend(["email", "phone_number"].into_iter().find(|name| user.attribute(name).is_some()));
    }
    for attribute in attributes {
        let delivery = Delivery {
            pool,
            client_id: NO_CLIENT,
            user,
            occasion: Occasion::AdminCreateUser,
            attribute,
            secret: password,
            metadata: input.client_metadata.as_ref(),
        };
        delivery::deliver(pools, &delivery).await?;
    }
    Ok(())
}

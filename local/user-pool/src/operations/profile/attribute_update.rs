//! Changing and deleting attributes, for users and administrators.

use jiff::SignedDuration;
use serde_json::Value;

use crate::UserPools;
use crate::delivery::{self, Delivery, Occasion};
use crate::model::attributes::{self, Attribute, Writer};
use crate::model::client::Client;
use crate::model::pool::Pool;
use crate::model::secret::Secret;
use crate::model::user::{CodePurpose, PendingCode, User};
use crate::protocol::error::ApiError;
use crate::triggers::event::{Metadata, NO_CLIENT};

const ADDRESSES: [&str; 2] = ["email", "phone_number"];

/// One `UpdateUserAttributes` or `AdminUpdateUserAttributes`.
pub(in crate::operations) struct AttributeUpdate<'a> {
    pub(in crate::operations) pool: &'a Pool,
    /// The app client, where a user asks.
    pub(in crate::operations) client: Option<&'a Client>,
    pub(in crate::operations) sub: &'a str,
    pub(in crate::operations) attributes: Vec<Attribute>,
    pub(in crate::operations) metadata: Option<&'a Metadata>,
}

impl AttributeUpdate<'_> {
    /// Writes what may be written and sends codes to new addresses; gives their delivery details.
    pub(in crate::operations) async fn run(self, pools: &UserPools) -> Result<Vec<Value>, ApiError> {
        let writer = if self.client.is_some() { Writer::User } else { Writer::Administrator };
        if let Some(client) = self.client {
            client.check_may_write(&self.attributes)?;
        }
        let pool = self.pool;
        attributes::check_mutable(&pool.schema, self.attributes.iter().map(|attribute| &attribute.name))?;
        let given = attributes::check(&pool.schema, self.attributes, writer)?;
        let now = pools.now();
        let to_verify = pools.store.update_user(&pool.id, self.sub, |user| {
            let mut to_verify = Vec::new();
            for (name, value) in &given {
                let address = ADDRESSES.into_iter().find(|address| address == name);
                let changed = user.attribute(name) != Some(value.as_str());
                let vouched = given.get(&format!("{name}_verified")).is_some_and(|text| text == "true");
                match address {
                    Some(address) if changed && !vouched && !value.is_empty() => {
                        if pool.needs_verification_before_update(address) {
                            user.unverified_updates.insert(name.clone(), value.clone());
                            to_verify.push(address);
                            continue;
                        }
                        user.set_verified(address, false);
                        if pool.auto_verifies(address) {
                            to_verify.push(address);
                        }
                    }
                    _ => {}
                }
                user.unverified_updates.remove(name);
                if value.is_empty() {
                    remove(user, name);
                } else {
                    user.attributes.insert(name.clone(), value.clone());
                }
            }
            user.modified = now;
            Ok(to_verify)
        })?;
        let client_id = self.client.map_or(NO_CLIENT, |client| &client.id);
        let mut details = Vec::new();
        for attribute in to_verify {
            let occasion = Occasion::UpdateUserAttribute;
            let sent =
                send_verification_code(pools, pool, client_id, self.sub, attribute, occasion, self.metadata);
            details.push(sent.await?);
        }
        Ok(details)
    }
}

pub(in crate::operations) fn delete_attributes(
    pools: &UserPools,
    pool: &Pool,
    sub: &str,
    names: &[String],
) -> Result<(), ApiError> {
    attributes::check_mutable(&pool.schema, names)?;
    if let Some(required) = pool.schema.iter().find(|known| known.required && names.contains(&known.name)) {
        return Err(ApiError::invalid_parameter(format!(
            "user.{}: Attribute cannot be deleted.\n",
            required.name
        )));
    }
    if let Some(name) = names.iter().find(|name| pool.username_attributes().contains(name)) {
        return Err(ApiError::invalid_parameter(format!("Cannot delete the sign-in attribute {name}.")));
    }
    pools.store.update_user(&pool.id, sub, |user| {
        for name in names {
            remove(user, name);
        }
        user.modified = pools.now();
        Ok(())
    })
}

fn remove(user: &mut User, name: &str) {
    user.attributes.remove(name);
    if ADDRESSES.contains(&name) {
        user.attributes.remove(&format!("{name}_verified"));
    }
}

/// `email` or `phone_number`: the only ones codes are for.
pub(super) fn verifiable(name: &str) -> Result<&'static str, ApiError> {
    ADDRESSES.into_iter().find(|address| *address == name).ok_or_else(|| {
        ApiError::invalid_parameter(format!("{name} is not an attribute that can be verified."))
    })
}

/// A code to the address, or to the one that waits to replace it; lives 24 hours.
pub(super) async fn send_verification_code(
    pools: &UserPools,
    pool: &Pool,
    client_id: &str,
    sub: &str,
    attribute: &str,
    occasion: Occasion,
    metadata: Option<&Metadata>,
) -> Result<Value, ApiError> {
    let code = delivery::new_code();
    let expires = pools.now().saturating_add(SignedDuration::from_hours(24)).unwrap_or(jiff::Timestamp::MAX);
    let user = pools.store.update_user(&pool.id, sub, |user| {
        let pending =
            PendingCode { code: Secret::new(code.clone()), expires, attribute: attribute.to_owned() };
        user.codes.insert(CodePurpose::verify(attribute), pending);
        let mut seen = user.clone();
        if let Some(value) = user.unverified_updates.get(attribute) {
            seen.attributes.insert(attribute.to_owned(), value.clone());
            seen.set_verified(attribute, false);
        }
        Ok(seen)
    })?;
    let delivery = Delivery { pool, client_id, user: &user, occasion, attribute, secret: &code, metadata };
    delivery::deliver(pools, &delivery).await
}

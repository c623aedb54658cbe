use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_dynamodb::primitives::Blob;
use jiff::Timestamp;
use mfa_core::{
    factors::{
        custom::{
            Authenticator, Change, ChangeOutcome, CustomFactorStore, CustomFactors, DeviceKey, FactorId,
            LastProof, MessageCodeSetting, MessageCodes, PoolFactorNote, RecoveryHash, SealedSeed,
            TrustedDevice,
        },
        enrolment::FriendlyDeviceName,
    },
    kernel::{CustomFactor, PortError, UserId},
};

use super::{
    AttributeValue, ConditionalWriteError as _, Item, OnFailure, Table, UpdateItemFluentBuilder, WriteToken,
    challenges::failures_of, condition_failed, number, port_error, seconds, text, user_key, version,
};

mod passkeys;

const READ: &str = "dynamodb.GetItem";
const WRITE: &str = "dynamodb.UpdateItem";

#[async_trait]
impl CustomFactorStore for Table {
    async fn custom_factors(&self, user: &UserId) -> Result<CustomFactors, PortError> {
        let answer = self
            .get_item()
            .key("pk", user_key(user))
            .key("sk", text(FACTORS))
            // The read must see recent changes, such as a revoked device or a new epoch.
            .consistent_read(true)
            .send()
            .await
            .map_err(port_error(READ))?;
        answer.item.as_ref().map_or_else(|| Ok(CustomFactors::default()), read)
    }

    async fn change(&self, user: &UserId, seen: u64, change: &Change) -> Result<ChangeOutcome, PortError> {
        // A retry after a lost response recognizes its own write by this token.
        let write_token = WriteToken::new();
        let mut set = vec!["v = :v", "revision = :next", "changed_by = :writer"];
        let mut remove = Vec::new();
        let mut condition = if seen == 0 {
            // The revocation of a device, or a used TOTP step, may have created the item without a revision.
            vec!["(attribute_not_exists(revision) OR revision = :seen)"]
        } else {
            vec!["revision = :seen"]
        };
        let mut update = self
            .factors_item(user)
            .expression_attribute_values(":v", version())
            .expression_attribute_values(":seen", whole(seen))
            .expression_attribute_values(":next", whole(seen + 1))
            .expression_attribute_values(":writer", write_token.value());
        if let Some(authenticators) = &change.authenticators {
            set.push("authenticators = :authenticators");
            let kept =
                authenticators.iter().map(|(id, found)| (id.as_str().to_owned(), authenticator(found)));
            update = update.expression_attribute_values(":authenticators", AttributeValue::M(kept.collect()));
        }
        if let Some(devices) = &change.devices {
            set.push("devices = :devices");
            let kept = devices.iter().map(|(id, found)| (id.as_str().to_owned(), device(found)));
            update = update.expression_attribute_values(":devices", AttributeValue::M(kept.collect()));
        }
        if let Some(kept) = &change.passkeys {
            set.push("passkeys = :passkeys");
            update = update.expression_attribute_values(":passkeys", passkeys::write(kept));
        }
        match &change.passkey_registration {
            Some(Some(begun)) => {
                set.push("passkey_registration = :passkey_registration");
                update = update.expression_attribute_values(
                    ":passkey_registration",
                    passkeys::write_registration(begun),
                );
            }
            Some(None) => remove.push("passkey_registration"),
            None => {}
        }
        match &change.recovery {
            // A set in DynamoDB cannot be empty.
            Some(hashes) if hashes.is_empty() => remove.push("recovery"),
            Some(hashes) => {
                set.push("recovery = :recovery");
                let hashes = hashes.iter().map(|hash| hash.as_str().to_owned()).collect();
                update = update.expression_attribute_values(":recovery", AttributeValue::Ss(hashes));
            }
            None => {}
        }
        if let Some(step) = change.step {
            set.push("totp_step = :step");
            condition.push("(attribute_not_exists(totp_step) OR totp_step < :step)");
            update = update.expression_attribute_values(":step", whole(step));
        }
        if let Some(had_factor) = change.had_factor {
            set.push("had_factor = :had_factor");
            update = update.expression_attribute_values(":had_factor", AttributeValue::Bool(had_factor));
        }
        if let Some(recovery_only) = change.recovery_only {
            set.push("recovery_only = :recovery_only");
            update =
                update.expression_attribute_values(":recovery_only", AttributeValue::Bool(recovery_only));
        }
        if let Some(settings) = change.message_codes {
            set.push("message_codes = :message_codes");
            update = update.expression_attribute_values(":message_codes", message_codes(settings));
        }
        if change.begins_anew {
            remove.extend(["pool_factor_since", "totp_step"]);
        }
        for factor in &change.forgives {
            remove.push(failures_of(*factor));
            if *factor == CustomFactor::Totp {
                remove.extend(["name_only_totp_since", "name_only_totp_wrong"]);
            }
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            expression = format!("{expression} REMOVE {}", remove.join(", "));
        }
        if change.begins_new_epoch {
            expression.push_str(" ADD factor_epoch :one");
            update = update.expression_attribute_values(":one", number(1));
        }
        let update = update.update_expression(expression).condition_expression(condition.join(" AND "));
        match update.return_values_on_condition_check_failure(OnFailure::AllOld).send().await {
            Ok(_) => Ok(ChangeOutcome::Done),
            Err(fault) if write_token.wrote(fault.kept_item(), "changed_by") => Ok(ChangeOutcome::Done),
            Err(fault) if condition_failed(&fault) => Ok(ChangeOutcome::Overtaken),
            Err(fault) => Err(port_error(WRITE)(fault)),
        }
    }

    async fn revoke_devices(&self, user: &UserId) -> Result<(), PortError> {
        self.factors_item(user)
            .update_expression("SET v = :v REMOVE devices ADD factor_epoch :one, revision :one")
            .expression_attribute_values(":v", version())
            .expression_attribute_values(":one", number(1))
            .send()
            .await
            .map_err(port_error(WRITE))?;
        Ok(())
    }

    async fn mark_pool_totp_replaced(&self, user: &UserId, at: Timestamp) -> Result<(), PortError> {
        self.factors_item(user)
            .update_expression(
                "SET v = :v, pool_totp_stopped_at = :at REMOVE devices ADD factor_epoch :one, revision :one",
            )
            .expression_attribute_values(":v", version())
            .expression_attribute_values(":at", seconds(at))
            .expression_attribute_values(":one", number(1))
            .send()
            .await
            .map_err(port_error(WRITE))?;
        Ok(())
    }

    async fn note_pool_factor(&self, user: &UserId, note: PoolFactorNote) -> Result<(), PortError> {
        let update = self.factors_item(user).expression_attribute_values(":v", version());
        let had = |had| AttributeValue::Bool(had);
        let update = match note {
            PoolFactorNote::On(since) => update
                .update_expression("SET v = :v, pool_factor_since = :since, had_factor = :had")
                .condition_expression("attribute_not_exists(pool_factor_since)")
                .expression_attribute_values(":since", seconds(since))
                .expression_attribute_values(":had", had(true)),
            PoolFactorNote::Missing => update
                .update_expression("SET v = :v, had_factor = :had REMOVE pool_factor_since")
                .condition_expression("attribute_exists(pool_factor_since)")
                .expression_attribute_values(":had", had(true)),
            // A user who still has custom factors does not start again.
            PoolFactorNote::TurnedOff => update
                .update_expression("SET v = :v, had_factor = :had REMOVE pool_factor_since")
                .condition_expression(
                    "attribute_exists(pk) AND attribute_not_exists(recovery) AND \
                     (attribute_not_exists(authenticators) OR authenticators = :empty) AND \
                     (attribute_not_exists(passkeys) OR passkeys = :empty)",
                )
                .expression_attribute_values(":empty", AttributeValue::M(Item::new()))
                .expression_attribute_values(":had", had(false)),
        };
        match update.send().await {
            Ok(_) => Ok(()),
            Err(fault) if condition_failed(&fault) => match note {
                PoolFactorNote::TurnedOff => self.forget_pool_factor(user).await,
                PoolFactorNote::On(_) | PoolFactorNote::Missing => Ok(()),
            },
            Err(fault) => Err(port_error(WRITE)(fault)),
        }
    }

    async fn forgive_failures(&self, user: &UserId) -> Result<(), PortError> {
        let mut remove: Vec<_> = CustomFactor::ALL.into_iter().map(failures_of).collect();
        remove.extend([
            "name_only_failures",
            "name_only_not_before",
            "name_only_totp_since",
            "name_only_totp_wrong",
        ]);
        let update = self.factors_item(user).update_expression(format!("REMOVE {}", remove.join(", ")));
        match update.condition_expression("attribute_exists(pk)").send().await {
            Ok(_) => Ok(()),
            Err(fault) if condition_failed(&fault) => Ok(()),
            Err(fault) => Err(port_error(WRITE)(fault)),
        }
    }

    async fn mark_pool_totp_active(&self, user: &UserId) -> Result<(), PortError> {
        let update = self.factors_item(user).update_expression("REMOVE pool_totp_stopped_at");
        match update.condition_expression("attribute_exists(pk)").send().await {
            Ok(_) => Ok(()),
            Err(fault) if condition_failed(&fault) => Ok(()),
            Err(fault) => Err(port_error(WRITE)(fault)),
        }
    }
}

/// The `sk` of the item that holds all custom factors of a user.
pub(super) const FACTORS: &str = "FACTORS";

impl Table {
    fn factors_item(&self, user: &UserId) -> UpdateItemFluentBuilder {
        self.update_item().key("pk", user_key(user)).key("sk", text(FACTORS))
    }

    /// Removes only the record that a pool factor is on.
    async fn forget_pool_factor(&self, user: &UserId) -> Result<(), PortError> {
        let update = self.factors_item(user).update_expression("REMOVE pool_factor_since");
        match update.condition_expression("attribute_exists(pk)").send().await {
            Ok(_) => Ok(()),
            Err(fault) if condition_failed(&fault) => Ok(()),
            Err(fault) => Err(port_error(WRITE)(fault)),
        }
    }
}

/// Reads the custom factors from the item.
pub(super) fn read(item: &Item) -> Result<CustomFactors, PortError> {
    let recovery =
        item.get("recovery").map(|kept| kept.as_ss().map_err(|_| broken("recovery"))).transpose()?;
    Ok(CustomFactors {
        factor_epoch: count(item, "factor_epoch")?.unwrap_or_default(),
        revision: count(item, "revision")?.unwrap_or_default(),
        authenticators: entries(item, "authenticators", read_authenticator)?,
        last_step: count(item, "totp_step")?,
        recovery: recovery.into_iter().flatten().map(RecoveryHash::from_stored).collect(),
        devices: entries(item, "devices", read_device)?,
        passkeys: entries(item, "passkeys", passkeys::read)?,
        passkey_registration: passkeys::read_registration(item)?,
        last_proof: item.get("last_proof").map(last_proof).transpose()?,
        pool_factor_since: time(item, "pool_factor_since"),
        had_factor: item.get("had_factor").and_then(|value| value.as_bool().ok()) == Some(&true),
        recovery_only: item.get("recovery_only").and_then(|value| value.as_bool().ok()) == Some(&true),
        message_codes: read_message_codes(item)?,
        pool_totp_stopped_at: time(item, "pool_totp_stopped_at"),
    })
}

fn message_codes(settings: MessageCodes) -> AttributeValue {
    let name = |setting| match setting {
        MessageCodeSetting::Automatic => "automatic",
        MessageCodeSetting::On => "on",
        MessageCodeSetting::Off => "off",
    };
    AttributeValue::M(Item::from([
        ("email".into(), text(name(settings.email))),
        ("sms".into(), text(name(settings.sms))),
    ]))
}

fn read_message_codes(item: &Item) -> Result<MessageCodes, PortError> {
    let Some(kept) = item.get("message_codes") else { return Ok(MessageCodes::default()) };
    let setting = |channel: &str| match kept.as_m().ok()?.get(channel)?.as_s().ok()?.as_str() {
        "automatic" => Some(MessageCodeSetting::Automatic),
        "on" => Some(MessageCodeSetting::On),
        "off" => Some(MessageCodeSetting::Off),
        _ => None,
    };
    let read = || Some(MessageCodes { email: setting("email")?, sms: setting("sms")? });
    read().ok_or_else(|| broken("message_codes"))
}

pub(super) fn authenticator(authenticator: &Authenticator) -> AttributeValue {
    AttributeValue::M(Item::from([
        ("name".into(), text(authenticator.name.as_str())),
        ("sealed".into(), bytes(authenticator.seed.as_bytes())),
        ("created_at".into(), seconds(authenticator.created_at)),
        ("confirmed".into(), AttributeValue::Bool(authenticator.is_confirmed)),
    ]))
}

fn read_authenticator(item: &Item) -> Option<Authenticator> {
    Some(Authenticator {
        name: name(item)?,
        seed: SealedSeed::new(item.get("sealed")?.as_b().ok()?.clone().into_inner()),
        created_at: time(item, "created_at")?,
        is_confirmed: *item.get("confirmed")?.as_bool().ok()?,
    })
}

fn device(device: &TrustedDevice) -> AttributeValue {
    AttributeValue::M(Item::from([
        ("name".into(), text(device.name.as_str())),
        ("key".into(), bytes(device.key.as_bytes())),
        ("created_at".into(), seconds(device.created_at)),
        ("expires_at".into(), seconds(device.expires_at)),
    ]))
}

fn read_device(item: &Item) -> Option<TrustedDevice> {
    Some(TrustedDevice {
        name: name(item)?,
        key: DeviceKey::from_point(item.get("key")?.as_b().ok()?.as_ref()).ok()?,
        created_at: time(item, "created_at")?,
        expires_at: time(item, "expires_at")?,
    })
}

/// Reads the last proof. Ignores factors with an unknown name, because a newer version may have written them.
fn last_proof(value: &AttributeValue) -> Result<LastProof, PortError> {
    let read = || {
        let item = value.as_m().ok()?;
        let factors = |names: &[String]| -> BTreeSet<_> {
            names.iter().filter_map(|name| CustomFactor::from_name(name)).collect()
        };
        let native = item.get("native").and_then(|names| names.as_ss().ok());
        Some(LastProof {
            at: time(item, "at")?,
            // The attribute is absent if a first factor was set up and there was no channel to prove.
            factors: item
                .get("factors")
                .and_then(|names| names.as_ss().ok())
                .map(|names| factors(names))
                .unwrap_or_default(),
            native: native.map(|names| factors(names)).unwrap_or_default(),
            client: item.get("client")?.as_s().ok()?.clone(),
        })
    };
    read().ok_or_else(|| broken("last_proof"))
}

fn entries<T>(
    item: &Item,
    attribute: &'static str,
    read: impl Fn(&Item) -> Option<T>,
) -> Result<BTreeMap<FactorId, T>, PortError> {
    let Some(value) = item.get(attribute) else { return Ok(BTreeMap::new()) };
    let entries = value.as_m().map_err(|_| broken(attribute))?;
    entries
        .iter()
        .map(|(id, value)| Some((FactorId::parse(id).ok()?, read(value.as_m().ok()?)?)))
        .collect::<Option<_>>()
        .ok_or_else(|| broken(attribute))
}

fn name(item: &Item) -> Option<FriendlyDeviceName> {
    FriendlyDeviceName::parse(item.get("name")?.as_s().ok()?).ok()
}

fn time(item: &Item, name: &str) -> Option<Timestamp> {
    Timestamp::from_second(item.get(name)?.as_n().ok()?.parse().ok()?).ok()
}

fn count(item: &Item, name: &'static str) -> Result<Option<u64>, PortError> {
    let Some(value) = item.get(name) else { return Ok(None) };
    value.as_n().ok().and_then(|count| count.parse().ok()).map(Some).ok_or_else(|| broken(name))
}

fn broken(attribute: &'static str) -> PortError {
    PortError::new(READ, format!("{attribute} can't be read"))
}

fn bytes(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

fn whole(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

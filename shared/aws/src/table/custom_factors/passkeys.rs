//! Passkeys, and the registration that waits.

use std::collections::BTreeMap;

use mfa_core::{
    factors::custom::{
        FactorId, PasskeyRegistration,
        passkey::{Passkey, PasskeyCredential},
    },
    kernel::PortError,
};

use super::{broken, bytes, name, time};
use crate::table::{AttributeValue, Item, number, seconds, text};

pub(super) fn write(passkeys: &BTreeMap<FactorId, Passkey>) -> AttributeValue {
    let kept = passkeys.iter().map(|(id, passkey)| {
        let Passkey { name, created_at, credential } = passkey;
        let item = Item::from([
            ("name".into(), text(name.as_str())),
            ("created_at".into(), seconds(*created_at)),
            ("credential".into(), bytes(&credential.id)),
            ("fixed".into(), bytes(&credential.fixed)),
            ("state".into(), bytes(&credential.state)),
            ("transports".into(), number(credential.transports)),
        ]);
        (id.as_str().to_owned(), AttributeValue::M(item))
    });
    AttributeValue::M(kept.collect())
}

pub(super) fn read(item: &Item) -> Option<Passkey> {
    let blob = |name: &str| Some(item.get(name)?.as_b().ok()?.as_ref());
    Some(Passkey {
        name: name(item)?,
        created_at: time(item, "created_at")?,
        credential: PasskeyCredential {
            id: blob("credential")?.to_vec(),
            fixed: blob("fixed")?.to_vec(),
            state: blob("state")?.try_into().ok()?,
            transports: item.get("transports")?.as_n().ok()?.parse().ok()?,
        },
    })
}

pub(super) fn write_registration(begun: &PasskeyRegistration) -> AttributeValue {
    AttributeValue::M(Item::from([
        ("name".into(), text(begun.name.as_str())),
        ("state".into(), bytes(&begun.state)),
        ("begun_at".into(), seconds(begun.begun_at)),
    ]))
}

pub(super) fn read_registration(item: &Item) -> Result<Option<PasskeyRegistration>, PortError> {
    let Some(kept) = item.get("passkey_registration") else { return Ok(None) };
    let read = || {
        let item = kept.as_m().ok()?;
        Some(PasskeyRegistration {
            name: name(item)?,
            state: item.get("state")?.as_b().ok()?.as_ref().to_vec(),
            begun_at: time(item, "begun_at")?,
        })
    };
    read().map(Some).ok_or_else(|| broken("passkey_registration"))
}

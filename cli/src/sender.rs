//! The sender of e-mails, and whether SES sends from it.

use anyhow::{Context as _, Result};
use mfa_aws::EmailSender;
use mfa_core::kernel::EmailAddress;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::aws::{Aws, Service, is_refused_as};

/// The variable of the functions that send e-mails.
pub(crate) const VARIABLE: &str = "MFA_EMAIL_FROM";
/// RFC 3986 §2.3, as the SDKs encode a label of a path.
const LABEL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Splits a sender into the name, which can be empty, and the address.
fn split(sender: &str) -> Result<(&str, EmailAddress)> {
    EmailSender::parse(sender).map_err(|fault| anyhow::anyhow!("{sender}: {fault}"))?;
    let text = sender.trim();
    let parts = text.strip_suffix('>').and_then(|text| text.rsplit_once('<'));
    let (name, address) = parts.unwrap_or(("", text));
    Ok((name.trim(), EmailAddress::parse(address.trim()).with_context(|| sender.to_owned())?))
}

/// Returns the sender with its address as e-mails have it: the domain in ASCII lower case. The roles compare
/// this address.
pub(crate) fn normal(sender: &str) -> Result<String> {
    let (name, address) = split(sender)?;
    let address = address.expose();
    Ok(if name.is_empty() { address } else { format!("{name} <{address}>") })
}

/// Returns why SES does not send from `sender`, or `None` if it does.
pub(crate) async fn fault(aws: &Aws, sender: &str) -> Result<Option<String>> {
    let (_, address) = split(sender)?;
    let mut pending = None;
    for identity in identities(&address) {
        let path = format!("/v2/email/identities/{}", utf8_percent_encode(&identity, LABEL));
        match aws.get(Service::Ses, "GetEmailIdentity", &path).await {
            Ok(found) if found.get("VerifiedForSendingStatus") == Some(&Value::Bool(true)) => {
                return Ok(None);
            }
            Ok(found) => {
                let status = found.get("VerificationStatus").and_then(Value::as_str).unwrap_or("unknown");
                pending
                    .get_or_insert(format!("the SES identity {identity} is not verified (status {status})"));
            }
            Err(error) if is_refused_as(&error, "NotFoundException") => {}
            Err(error) => return Err(error),
        }
    }
    let address = address.expose();
    Ok(Some(pending.unwrap_or_else(|| format!("SES has no identity for {address} in this Region"))))
}

/// Returns the identities that permit an address: itself, its domain, and the domains above, because the
/// identity of a domain covers its subdomains.
fn identities(address: &EmailAddress) -> Vec<String> {
    let mut all = vec![address.expose()];
    let mut domain = address.domain();
    loop {
        all.push(domain.to_owned());
        match domain.split_once('.') {
            Some((_, above)) if above.contains('.') => domain = above,
            _ => return all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_has_the_address_that_its_e_mails_have() {
        for (sender, expected) in [
            ("no-reply@example.com", "no-reply@example.com"),
            (" No-Reply@Example.COM ", "No-Reply@example.com"),
            ("Acme, Inc. < a@Bücher.example >", "Acme, Inc. <a@xn--bcher-kva.example>"),
            ("Müller & Söhne <m@example.com>", "Müller & Söhne <m@example.com>"),
        ] {
            assert_eq!(normal(sender).unwrap(), expected);
            let sent = EmailSender::parse(sender).unwrap();
            assert!(
                sent.header().contains(&normal(sender).unwrap()[expected.find('<').unwrap_or_default()..])
            );
        }
        for sender in ["", "Acme", "müller@example.com", "a@localhost"] {
            assert!(normal(sender).is_err(), "{sender}");
        }
    }

    #[test]
    fn an_identity_of_a_domain_covers_its_subdomains() {
        let address = EmailAddress::parse("a@mail.shop.example.com").unwrap();
        let expected =
            ["a@mail.shop.example.com", "mail.shop.example.com", "shop.example.com", "example.com"];
        assert_eq!(identities(&address), expected);
        assert_eq!(identities(&EmailAddress::parse("a@example.com").unwrap()).len(), 2);
    }
}

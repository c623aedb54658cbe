use serde::Deserialize;

use crate::kernel::RelyingParty;

/// Whose passkeys are accepted. Without a domain, passkeys are off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PasskeyPolicy {
    pub relying_party_id: String,
    pub origins: Vec<String>,
}

impl PasskeyPolicy {
    /// Returns the relying party, or `None` if passkeys are off.
    pub fn relying_party(&self) -> Option<RelyingParty> {
        RelyingParty::new(&self.relying_party_id, &self.origins).ok()
    }

    pub(super) fn check(&self, problems: &mut Vec<String>) {
        if self.relying_party_id.is_empty() {
            if !self.origins.is_empty() {
                problems.push("passkeys.relying_party_id is missing".into());
            }
        } else if let Err(fault) = RelyingParty::new(&self.relying_party_id, &self.origins) {
            problems.push(format!("passkeys: {fault}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Policy;

    #[test]
    fn passkeys_are_off_unless_a_domain_is_named() {
        assert!(Policy::default().passkeys.relying_party().is_none());
        let read = |text: &str| Policy::read(Some(&format!("[passkeys]\n{text}")));
        let on = read("relying_party_id = 'example.com'\norigins = ['https://login.example.com']").unwrap();
        assert!(on.passkeys.relying_party().is_some());
        for wrong in [
            "relying_party_id = 'example.com'",
            "origins = ['https://login.example.com']",
            "relying_party_id = 'example.com'\norigins = ['https://example.net']",
            "relying_party_id = 'https://example.com'\norigins = ['https://example.com']",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

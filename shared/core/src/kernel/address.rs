use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;

/// An E.164 number: `+`, then 7 to 15 digits, the first not 0 (ITU-T E.164 §6). Cognito stores no other form
/// in `phone_number`. This type does not check whether the number exists, because phone metadata costs 40 ms
/// at its first use.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an E.164 phone number")]
pub struct InvalidPhone;

impl PhoneNumber {
    pub fn parse(text: &str) -> Result<Self, InvalidPhone> {
        let digits = text.strip_prefix('+').ok_or(InvalidPhone)?;
        let fits = (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(text.to_owned())).ok_or(InvalidPhone)
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Prints `+*******0123`, the form in which Cognito masks a destination (cognito.md §3.4).
impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.len().saturating_sub(4);
        f.write_str("+")?;
        for _ in 1..shown {
            f.write_str("*")?;
        }
        f.write_str(self.0.get(shown..).unwrap_or_default())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({self})")
    }
}

/// An e-mail address with its domain in ASCII lower case (IDNA). The local part is as written, in NFC (RFC
/// 6532 §3.1), so that combining marks give the same address.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress {
    local: String,
    domain: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct InvalidEmail;

impl EmailAddress {
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = ComposingNormalizerBorrowed::new_nfc().normalize(text);
        let options = email_address::Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        let parsed =
            email_address::EmailAddress::parse_with_options(&text, options).map_err(|_| InvalidEmail)?;
        let domain = idna::domain_to_ascii_strict(parsed.domain()).map_err(|_| InvalidEmail)?;
        Ok(Self { local: parsed.local_part().to_owned(), domain })
    }

    /// Returns the domain, such as `example.com`, always in ASCII lower case.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Returns whether Cognito and SES can send to the address. Neither supports letters outside ASCII before the
    /// `@` (RFC 6531); the domain is always ASCII here.
    pub fn can_get_mail(&self) -> bool {
        self.local.is_ascii()
    }

    pub fn expose(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }
}

/// Prints `j***@e***`, the form in which Cognito masks a destination (cognito.md §3.4).
impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
        write!(f, "{}***@{}***", first(&self.local), first(&self.domain))
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("+12025550123", true)]
    #[case("+4930123456", true)]
    #[case("15555550123", false)]
    #[case("+05555550123", false)]
    #[case("+1 555 555 0123", false)]
    #[case("+123456", false)]
    #[case("+1234567890123456", false)]
    #[case("+１５５５５５５０１２３", false)]
    fn a_phone_number_is_e164(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(PhoneNumber::parse(text).is_ok(), valid);
    }

    #[rstest]
    #[case("alex@example.com", Some("example.com"))]
    #[case("Alex+tag@EXAMPLE.com", Some("example.com"))]
    #[case("alex@bücher.example", Some("xn--bcher-kva.example"))]
    #[case("jose\u{301}@bu\u{308}cher.example", Some("xn--bcher-kva.example"))]
    #[case("alex@localhost", None)]
    #[case("alex@[127.0.0.1]", None)]
    #[case("Alex <alex@example.com>", None)]
    #[case("alex@example..com", None)]
    #[case("alex", None)]
    #[case("", None)]
    fn an_address_has_a_local_part_and_a_real_domain(#[case] text: &str, #[case] domain: Option<&str>) {
        let parsed = EmailAddress::parse(text).ok();
        assert_eq!(parsed.as_ref().map(EmailAddress::domain), domain);
    }

    #[test]
    fn addresses_print_masked() {
        let phone = PhoneNumber::parse("+12025550123").unwrap();
        assert_eq!(format!("{phone} {phone:?}"), "+*******0123 PhoneNumber(+*******0123)");
        let email = EmailAddress::parse("alex@example.com").unwrap();
        assert_eq!(format!("{email} {email:?}"), "a***@e*** EmailAddress(a***@e***)");
    }
}

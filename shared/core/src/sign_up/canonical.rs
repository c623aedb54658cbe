use icu_normalizer::ComposingNormalizerBorrowed;

use crate::{config::policy::UniquePolicy, kernel::EmailAddress};

/// Google's second domain for the same mailboxes, in countries where it may not use the first name.
const GOOGLEMAIL: &str = "googlemail.com";
const GMAIL: &str = "gmail.com";

/// Returns the one spelling that represents all spellings of a mailbox: NFC, lower case, the domain in ASCII,
/// quotes only if needed. The policy decides about tags and dots.
///
/// Upper and lower case of the part before the `@` may be different mailboxes (RFC 5321 §2.4). No large
/// provider separates them, and we cannot tell.
pub(super) fn canonical(email: &EmailAddress, policy: UniquePolicy) -> String {
    let address = email.expose();
    let domain = email.domain();
    let local = address.strip_suffix(domain).and_then(|rest| rest.strip_suffix('@')).unwrap_or(&address);
    // The lower case of some letters is decomposed: İ becomes i and a dot above.
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let mut local = nfc.normalize(&unquoted(local).to_lowercase()).into_owned();
    if policy.ignore_plus_tags
        && let Some(tag) = local.find('+').filter(|place| *place > 0)
    {
        local.truncate(tag);
    }
    let is_gmail = domain == GMAIL || domain == GOOGLEMAIL;
    if policy.ignore_gmail_dots && is_gmail {
        local.retain(|letter| letter != '.');
        return format!("{local}@{GMAIL}");
    }
    format!("{local}@{domain}")
}

/// Removes the quotes: `"alex"` is `alex`, and so is `"a\lex"` (RFC 5322 §3.2.4).
fn unquoted(local: &str) -> String {
    let Some(quoted) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return local.to_owned();
    };
    let mut letters = quoted.chars();
    let mut text = String::with_capacity(quoted.len());
    while let Some(letter) = letters.next() {
        text.push(if letter == '\\' { letters.next().unwrap_or(letter) } else { letter });
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ALL: UniquePolicy =
        UniquePolicy { email: true, phone_number: true, ignore_plus_tags: true, ignore_gmail_dots: true };
    const NONE: UniquePolicy = UniquePolicy { ignore_plus_tags: false, ignore_gmail_dots: false, ..ALL };

    #[rstest]
    #[case("Alex@Example.COM", NONE, "alex@example.com")]
    #[case("jos\u{e9}@example.com", NONE, "jos\u{e9}@example.com")]
    #[case("JOSE\u{301}@example.com", NONE, "jos\u{e9}@example.com")]
    #[case("alex@B\u{fc}cher.example", NONE, "alex@xn--bcher-kva.example")]
    #[case("alex@bu\u{308}cher.example", NONE, "alex@xn--bcher-kva.example")]
    #[case("alex@XN--BCHER-KVA.example", NONE, "alex@xn--bcher-kva.example")]
    #[case("\"alex\"@example.com", NONE, "alex@example.com")]
    #[case("alex+shop@example.com", NONE, "alex+shop@example.com")]
    #[case("alex+shop+2@example.com", ALL, "alex@example.com")]
    #[case("+shop@example.com", ALL, "+shop@example.com")]
    #[case("a.l.ex@example.com", ALL, "a.l.ex@example.com")]
    #[case("a.l.ex+shop@GoogleMail.com", ALL, "alex@gmail.com")]
    #[case("a.lex@gmail.com", NONE, "a.lex@gmail.com")]
    #[case("alex@googlemail.com", NONE, "alex@googlemail.com")]
    fn one_spelling_stands_for_all(
        #[case] spelling: &str,
        #[case] policy: UniquePolicy,
        #[case] expected: &str,
    ) {
        assert_eq!(canonical(&EmailAddress::parse(spelling).unwrap(), policy), expected);
    }
}

use email_encoding::headers::{quoted_string, writer::EmailWriter};
use mfa_core::kernel::EmailAddress;

/// The sender of e-mails as a header contains it (RFC 5322 §3.4, RFC 2047): the name, quoted or encoded if
/// necessary, and the address in ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailSender(String);

/// The fault of a sender, for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSender {
    #[error("is not an e-mail address, with or without a name before it: Example <no-reply@example.com>")]
    Address,
    #[error("has an address with letters outside ASCII before the @, which SES cannot send from")]
    LocalPart,
    #[error("has a name with a line break or another control character")]
    Name,
}

impl EmailSender {
    /// Parses `no-reply@example.com`, or a name and the address in angle brackets. The name needs no quotes:
    /// a comma in it is part of the name.
    pub fn parse(text: &str) -> Result<Self, InvalidSender> {
        let text = text.trim();
        let (name, address) = match text.strip_suffix('>') {
            Some(text) => text.rsplit_once('<').ok_or(InvalidSender::Address)?,
            None => ("", text),
        };
        let address = EmailAddress::parse(address.trim()).map_err(|_| InvalidSender::Address)?.expose();
        if !address.is_ascii() {
            return Err(InvalidSender::LocalPart);
        }
        let name = without_quotes(name.trim());
        if name.chars().any(char::is_control) {
            return Err(InvalidSender::Name);
        }
        if name.is_empty() {
            return Ok(Self(address));
        }
        let mut encoded = String::new();
        {
            let mut writer = EmailWriter::new(&mut encoded, "From: ".len(), 0, false);
            quoted_string::encode(&name, &mut writer).map_err(|_| InvalidSender::Name)?;
        }
        // SES folds the header's lines itself.
        Ok(Self(format!("{} <{address}>", encoded.replace("\r\n", ""))))
    }

    /// Returns the value for `FromEmailAddress` of SES.
    pub fn header(&self) -> &str {
        &self.0
    }
}

/// Reads a quoted string (RFC 5322 §3.2.4), or the text as it is.
fn without_quotes(name: &str) -> String {
    let Some(quoted) = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) else {
        return name.to_owned();
    };
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_or_encoded_where_it_has_to_be() {
        for (text, header) in [
            ("no-reply@example.com", "no-reply@example.com"),
            (" <no-reply@example.com> ", "no-reply@example.com"),
            ("Acme <no-reply@example.com>", "Acme <no-reply@example.com>"),
            ("Acme, Inc. <no-reply@example.com>", "=?utf-8?b?QWNtZSwgSW5jLg==?= <no-reply@example.com>"),
            ("\"Acme, Inc.\" <no-reply@example.com>", "=?utf-8?b?QWNtZSwgSW5jLg==?= <no-reply@example.com>"),
            (r#"The "A" Team <a@example.com>"#, r#""The \"A\" Team" <a@example.com>"#),
            (r#""The \"A\" Team" <a@example.com>"#, r#""The \"A\" Team" <a@example.com>"#),
            ("Support (EU) <eu@example.com>", "=?utf-8?b?U3VwcG9ydCAoRVUp?= <eu@example.com>"),
            ("a@b <no-reply@example.com>", "=?utf-8?b?YUBi?= <no-reply@example.com>"),
            ("Acme <no-reply@Bücher.example>", "Acme <no-reply@xn--bcher-kva.example>"),
            ("Müller & Söhne <m@example.com>", "=?utf-8?b?TcO8bGxlciAmIFPDtmhuZQ==?= <m@example.com>"),
            ("日本語 <jp@example.com>", "=?utf-8?b?5pel5pys6Kqe?= <jp@example.com>"),
        ] {
            assert_eq!(EmailSender::parse(text).unwrap().header(), header, "{text}");
        }
    }

    #[test]
    fn a_long_name_stays_one_line_of_ascii() {
        let sender = EmailSender::parse(&format!("{} <a@example.com>", "Größe ".repeat(30))).unwrap();
        assert!(sender.header().is_ascii() && !sender.header().contains(['\r', '\n']), "{}", sender.header());
        assert!(sender.header().split(' ').all(|word| word.len() <= 75), "RFC 2047 §2: {}", sender.header());
    }

    #[test]
    fn what_ses_would_refuse_is_refused_at_the_start() {
        for (text, fault) in [
            ("", InvalidSender::Address),
            ("Acme", InvalidSender::Address),
            ("Acme no-reply@example.com", InvalidSender::Address),
            ("Acme no-reply@example.com>", InvalidSender::Address),
            ("Acme <no-reply@localhost>", InvalidSender::Address),
            ("a@example.com, b@example.com", InvalidSender::Address),
            ("Müller <müller@example.com>", InvalidSender::LocalPart),
            ("Acme\r\nBcc: x@example.com <a@example.com>", InvalidSender::Name),
        ] {
            assert_eq!(EmailSender::parse(text), Err(fault), "{text:?}");
        }
    }
}

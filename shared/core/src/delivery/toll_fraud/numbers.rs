//! Country and type of a phone number. The table in the binary is read in place: two automata over digits.
//! `shared/phone-plan` generates it from libphonenumber's metadata, and tests it against libphonenumber. A
//! lookup needs no set-up and no allocation, and reads at most one node per digit.

use crate::kernel::PhoneNumber;

/// `shared/phone-plan/src/lib.rs` describes the layout.
const TABLE: &[u8] = include_bytes!("numbers.bin");

/// A country's ISO 3166-1 alpha-2 code, in upper case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country([u8; 2]);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a country of the number plan")]
pub struct InvalidCountry;

impl Country {
    /// Accepts only countries that have phone numbers.
    pub fn parse(code: &str) -> Result<Self, InvalidCountry> {
        countries().find(|country| country.code() == code).ok_or(InvalidCountry)
    }

    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Debug for Country {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

/// The type of a number, as in libphonenumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NumberType {
    Mobile,
    FixedLine,
    /// The digits do not show which of both. This includes all of North America.
    FixedLineOrMobile,
    Voip,
    TollFree,
    PremiumRate,
    SharedCost,
    PersonalNumber,
    Pager,
    Uan,
    Voicemail,
    /// The number is not valid.
    Unknown,
}

impl NumberType {
    /// The types in the order of their values in the table, which start with 1.
    const ALL: [Self; 11] = [
        Self::Mobile,
        Self::FixedLine,
        Self::FixedLineOrMobile,
        Self::Voip,
        Self::TollFree,
        Self::PremiumRate,
        Self::SharedCost,
        Self::PersonalNumber,
        Self::Pager,
        Self::Uan,
        Self::Voicemail,
    ];

    /// Reads a type's name in the policy. A policy cannot allow numbers without a type.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::FixedLine => "fixed-line",
            Self::FixedLineOrMobile => "fixed-line-or-mobile",
            Self::Voip => "voip",
            Self::TollFree => "toll-free",
            Self::PremiumRate => "premium-rate",
            Self::SharedCost => "shared-cost",
            Self::PersonalNumber => "personal-number",
            Self::Pager => "pager",
            Self::Uan => "uan",
            Self::Voicemail => "voicemail",
            Self::Unknown => "unknown",
        }
    }

    fn of_value(value: u8) -> Self {
        let index = usize::from(value).checked_sub(1);
        index.and_then(|index| Self::ALL.get(index)).copied().unwrap_or(Self::Unknown)
    }
}

/// The country and the type of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbering {
    /// Absent for satellites and other networks without a country. Also absent if several countries share a
    /// calling code and none of them has the number.
    pub country: Option<Country>,
    pub kind: NumberType,
}

impl Numbering {
    /// Looks up the digits as a subscriber's number. Libphonenumber tolerates a national prefix (`+44 0…`)
    /// when it reads a number. Here, such a number has no type.
    pub fn of(number: &PhoneNumber) -> Self {
        let digits = number.expose().bytes().skip(1).map(|digit| digit.wrapping_sub(b'0'));
        // If the table could not be read, every number would be unknown and nothing would be sent. Tests read
        // it.
        Self::read(digits).unwrap_or(Self { country: None, kind: NumberType::Unknown })
    }

    fn read(digits: impl Iterator<Item = u8> + Clone) -> Option<Self> {
        let count = usize::from(*TABLE.first()?);
        let (codes, rest) = TABLE.get(1..)?.split_at_checked(2 * count)?;
        let (country_root, rest) = offset(rest)?;
        let (kind_root, rest) = offset(rest)?;
        let (length, rest) = offset(rest)?;
        let (by_country, by_kind) = rest.split_at_checked(length)?;
        let country = match walk(by_country, country_root, digits.clone())? {
            0 => None,
            value => codes.as_chunks().0.get(usize::from(value) - 1).copied().map(Country),
        };
        Some(Self { country, kind: NumberType::of_value(walk(by_kind, kind_root, digits)?) })
    }
}

fn countries() -> impl Iterator<Item = Country> {
    let codes = TABLE
        .split_first()
        .map_or(&[][..], |(count, rest)| rest.get(..2 * usize::from(*count)).unwrap_or_default());
    codes.as_chunks().0.iter().copied().map(Country)
}

/// Reads a number of three bytes, and returns it with the rest.
fn offset(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let ([high, middle, low], rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_be_bytes([0, *high, *middle, *low])).ok()?, rest))
}

fn walk(nodes: &[u8], root: usize, digits: impl Iterator<Item = u8>) -> Option<u8> {
    let mut node = nodes.get(root..)?;
    for digit in digits {
        let mut runs = node.get(1..)?;
        node = loop {
            let (run, rest) = runs.split_first()?;
            let (to_leaf, holds_digit) = (run >> 4 == 0, digit <= run & 0x0f);
            if to_leaf {
                let (value, rest) = rest.split_first()?;
                if holds_digit {
                    return Some(*value);
                }
                runs = rest;
            } else {
                let (child, rest) = offset(rest)?;
                if holds_digit {
                    break nodes.get(child..)?;
                }
                runs = rest;
            }
        };
    }
    node.first().copied()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("+12015550123", Some("US"), NumberType::FixedLineOrMobile)]
    #[case("+14165550123", Some("CA"), NumberType::FixedLineOrMobile)]
    #[case("+18005550123", Some("US"), NumberType::TollFree)]
    #[case("+4915123456789", Some("DE"), NumberType::Mobile)]
    #[case("+4930123456", Some("DE"), NumberType::FixedLine)]
    #[case("+447400123456", Some("GB"), NumberType::Mobile)]
    #[case("+447781123456", Some("GG"), NumberType::Mobile)]
    #[case("+4407400123456", None, NumberType::Unknown)]
    #[case("+390612345678", Some("IT"), NumberType::FixedLine)]
    #[case("+8613812345678", Some("CN"), NumberType::Mobile)]
    // A valid length is part of a valid number. A calling code of one country names it all the same.
    #[case("+49151234567", Some("DE"), NumberType::Unknown)]
    // Satellite: mobile, without a country.
    #[case("+881612345678", None, NumberType::Mobile)]
    #[case("+9991234567", None, NumberType::Unknown)]
    fn numbers_have_a_country_and_a_kind(
        #[case] number: &str,
        #[case] country: Option<&str>,
        #[case] kind: NumberType,
    ) {
        let numbering = Numbering::of(&PhoneNumber::parse(number).unwrap());
        assert_eq!((numbering.country.as_ref().map(Country::code), numbering.kind), (country, kind));
    }

    #[test]
    fn countries_are_those_of_the_table() {
        assert_eq!(countries().count(), 245);
        assert_eq!(Country::parse("SO").unwrap().code(), "SO");
        for unknown in ["so", "XX", "USA", "", "001"] {
            assert_eq!(Country::parse(unknown), Err(InvalidCountry), "{unknown}");
        }
    }
}

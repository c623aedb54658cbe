//! Compares the table with libphonenumber's own code.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::{collections::BTreeMap, path::Path};

use mfa_core::{
    delivery::toll_fraud::{Country, NumberType, Numbering},
    kernel::PhoneNumber,
};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType};

#[test]
fn the_committed_table_is_current() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(phone_plan::FILE);
    let committed = std::fs::read(file).unwrap();
    let is_current = committed == phone_plan::generate().unwrap().bytes;
    assert!(is_current, "libphonenumber's metadata changed: run `cargo xtask generate`");
    assert!(committed.len() < 100_000, "part of a sender's binary");
}

/// xorshift64* with the same numbers in every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    /// Returns a number with the first digits of `example`. It is sometimes shorter or longer.
    fn around(&mut self, example: &str) -> String {
        let mut number: String = example.chars().take(2 + usize::try_from(self.below(9)).unwrap()).collect();
        let length = match self.below(10) {
            0 => example.len() - 1,
            1 => example.len() + 1,
            _ => example.len(),
        };
        while number.len() < length.min(16) {
            number.push(char::from(b'0' + u8::try_from(self.below(10)).unwrap()));
        }
        number
    }
}

fn kind(kind: PhoneNumberType) -> NumberType {
    match kind {
        PhoneNumberType::Mobile => NumberType::Mobile,
        PhoneNumberType::FixedLine => NumberType::FixedLine,
        PhoneNumberType::FixedLineOrMobile => NumberType::FixedLineOrMobile,
        PhoneNumberType::VoIP => NumberType::Voip,
        PhoneNumberType::TollFree => NumberType::TollFree,
        PhoneNumberType::PremiumRate => NumberType::PremiumRate,
        PhoneNumberType::SharedCost => NumberType::SharedCost,
        PhoneNumberType::PersonalNumber => NumberType::PersonalNumber,
        PhoneNumberType::Pager => NumberType::Pager,
        PhoneNumberType::UAN => NumberType::Uan,
        PhoneNumberType::VoiceMail => NumberType::Voicemail,
        PhoneNumberType::Unknown => NumberType::Unknown,
    }
}

/// Returns an example of every region and kind, with numbers that share its first digits.
fn numbers() -> Vec<String> {
    const KINDS: [PhoneNumberType; 11] = [
        PhoneNumberType::FixedLine,
        PhoneNumberType::Mobile,
        PhoneNumberType::FixedLineOrMobile,
        PhoneNumberType::TollFree,
        PhoneNumberType::PremiumRate,
        PhoneNumberType::SharedCost,
        PhoneNumberType::VoIP,
        PhoneNumberType::PersonalNumber,
        PhoneNumberType::Pager,
        PhoneNumberType::UAN,
        PhoneNumberType::VoiceMail,
    ];
    let mut regions: Vec<_> = PHONE_NUMBER_UTIL.get_supported_regions().collect();
    regions.sort_by_key(|region| region.as_region_str().to_string());
    let mut examples: Vec<String> = regions
        .iter()
        .flat_map(|region| KINDS.map(|kind| (*region, kind)))
        .filter_map(|(region, kind)| {
            PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind).ok()
        })
        .map(|number| number.to_string())
        .collect();
    assert!(examples.len() > 1000, "{} examples", examples.len());
    examples.extend(
        PHONE_NUMBER_UTIL
            .get_supported_global_network_calling_codes()
            .filter_map(|code| PHONE_NUMBER_UTIL.get_example_number_for_non_geo_entity(code).ok())
            .map(|number| number.to_string()),
    );
    let mut seeded = Seeded(0x5eed);
    let around: Vec<String> = examples
        .iter()
        .flat_map(|example| std::iter::repeat_n(example, 40))
        .map(|example| seeded.around(example))
        .collect();
    examples.extend(around);
    examples.retain(|number| PhoneNumber::parse(number).is_ok());
    examples
}

#[test]
fn the_table_says_what_libphonenumber_says() {
    let (mut same, mut countries, mut kinds, mut unread) = (0_u32, 0_u32, 0_u32, 0_u32);
    let (mut reread, mut reread_sendable) = (0_u32, 0_u32);
    let mut seen = BTreeMap::<NumberType, u32>::new();
    let numbers = numbers();
    for number in &numbers {
        let ours = Numbering::of(&PhoneNumber::parse(number).unwrap());
        // The number is too short or too long, or has no calling code. libphonenumber cannot parse it.
        let Ok(parsed) = PHONE_NUMBER_UTIL.parse(number, None) else {
            assert_eq!(ours.kind, NumberType::Unknown, "{number} can't be read");
            unread += 1;
            continue;
        };
        if parsed.to_string() != *number {
            // libphonenumber removed a national prefix. The unchanged digits have no kind.
            reread += 1;
            reread_sendable += u32::from(ours.kind != NumberType::Unknown);
            continue;
        }
        let country = parsed.get_region_code().map(|region| region.as_region_str().to_string());
        let country = country.filter(|code| code != "001");
        let theirs = kind(parsed.get_type());
        *seen.entry(theirs).or_default() += 1;
        same += 1;
        if ours.country.as_ref().map(Country::code) != country.as_deref() {
            countries += 1;
            println!("{number}: {ours:?}, libphonenumber says {country:?}");
        }
        if ours.kind != theirs {
            kinds += 1;
            println!("{number}: {ours:?}, libphonenumber says {theirs:?}");
        }
    }
    println!(
        "{} numbers: {same} read as they stand, {countries} of another country, {kinds} of another kind; \
         {unread} not readable; {reread} read without a prefix, {reread_sendable} of them with a kind here",
        numbers.len()
    );
    println!("{seen:?}");
    assert!(same > 30_000, "{same}");
    assert_eq!(seen.len(), 12, "every kind is met");
    assert_eq!((countries, kinds, reread_sendable), (0, 0, 0), "nothing is approximated");
}

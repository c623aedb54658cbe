//! Reads a code that a user typed or pasted.

use icu_properties::{
    CodePointMapData,
    props::{GeneralCategory, GeneralCategoryGroup},
};

/// Blanks, hyphens and dashes, direction marks and joiners. People group codes with them or paste them along.
const SEPARATORS: GeneralCategoryGroup = GeneralCategoryGroup::Separator
    .union(GeneralCategoryGroup::DashPunctuation)
    .union(GeneralCategoryGroup::Control)
    .union(GeneralCategoryGroup::Format);

/// Returns the symbols of a code without separators. A decimal digit of any script becomes its ASCII digit,
/// and a full-width letter its ASCII letter. Other characters stay as they are.
pub(crate) fn symbols(typed: &str) -> impl Iterator<Item = char> {
    typed.chars().filter(|character| !is_separator(*character)).map(plain)
}

fn category(character: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(character)
}

fn is_separator(character: char) -> bool {
    character == '\u{2212}' || SEPARATORS.contains(category(character))
}

fn plain(character: char) -> char {
    match u32::from(character) {
        full_width @ 0xFF01..=0xFF5E => char::from_u32(full_width - 0xFEE0).unwrap_or(character),
        _ => digit(character).and_then(|value| char::from_digit(value, 10)).unwrap_or(character),
    }
}

/// Returns the value of a decimal digit. Unicode encodes the ten digits of a script in order (Unicode 17 §4.6). Some
/// scripts follow one another, so the value is the distance from the first digit before, modulo 10.
fn digit(character: char) -> Option<u32> {
    let is_digit = |code: &u32| {
        char::from_u32(*code).is_some_and(|other| category(other) == GeneralCategory::DecimalNumber)
    };
    let code = u32::from(character);
    let before = (0..code).rev().take_while(is_digit).zip(1..).last().map_or(0, |(_, distance)| distance);
    is_digit(&code).then_some(before % 10)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::arabic("١٢٣٤٥٦")]
    #[case::persian("۱۲۳۴۵۶")]
    #[case::devanagari("१२३४५६")]
    #[case::bengali("১২৩৪৫৬")]
    #[case::thai("๑๒๓๔๕๖")]
    #[case::khmer("១២៣៤៥៦")]
    #[case::full_width("１２３ ４５６")]
    #[case::mathematical("𝟏𝟐𝟑𝟜𝟝𝟞")]
    #[case::grouped("123-456")]
    #[case::non_breaking_hyphen("123\u{2011}456")]
    #[case::minus("123\u{2212}456")]
    #[case::narrow_blank("123\u{202f}456")]
    #[case::direction_marks("\u{2067}123456\u{2069}\u{200f}")]
    #[case::byte_order_mark("\u{feff}123456\r\n")]
    fn every_spelling_is_one_code(#[case] typed: &str) {
        assert_eq!(symbols(typed).collect::<String>(), "123456");
    }

    #[rstest]
    #[case::superscript("¹²³", "¹²³")]
    #[case::roman("Ⅳ", "Ⅳ")]
    #[case::circled("①", "①")]
    #[case::chinese_numerals("一二三", "一二三")]
    #[case::full_width_letters("ＡＢ１", "AB1")]
    fn all_else_stays(#[case] typed: &str, #[case] expected: &str) {
        assert_eq!(symbols(typed).collect::<String>(), expected);
    }

    #[test]
    fn each_script_has_ten_digits_in_order() {
        let digits: Vec<(char, u32)> = ('\0'..=char::MAX)
            .filter_map(|character| digit(character).map(|value| (character, value)))
            .collect();
        assert!(digits.len() > 600, "{}", digits.len());
        for (place, (character, value)) in digits.iter().enumerate() {
            assert_eq!(*value, u32::try_from(place % 10).unwrap(), "{character:?}");
        }
    }
}

//! The characters that Cognito accepts in the subject and the body of an e-mail (cognito.md §1.11).

use icu_properties::{
    CodePointMapData,
    props::{GeneralCategory, GeneralCategoryGroup},
};

/// Letters, marks, numbers, punctuation and symbols of any script.
const ACCEPTED: [GeneralCategoryGroup; 5] = [
    GeneralCategoryGroup::Letter,
    GeneralCategoryGroup::Mark,
    GeneralCategoryGroup::Number,
    GeneralCategoryGroup::Punctuation,
    GeneralCategoryGroup::Symbol,
];

/// Returns the first character that Cognito refuses: a joiner, a direction mark, a no-break space or
/// any other space outside ASCII.
pub(super) fn first_refused(text: &str) -> Option<char> {
    text.chars().find(|one| !is_accepted(*one))
}

fn is_accepted(one: char) -> bool {
    // The characters that `\s` matches in Cognito's patterns.
    if matches!(one, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r') {
        return true;
    }
    let category = CodePointMapData::<GeneralCategory>::new().get(one);
    ACCEPTED.iter().any(|group| group.contains(category))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::no_break_space("Code\u{a0}: 1", Some('\u{a0}'))]
    #[case::narrow_no_break_space("Code\u{202f}; 1", Some('\u{202f}'))]
    #[case::ideographic_space("代\u{3000}码", Some('\u{3000}'))]
    #[case::zero_width_joiner("a\u{200d}b", Some('\u{200d}'))]
    #[case::zero_width_non_joiner("a\u{200c}b", Some('\u{200c}'))]
    #[case::right_to_left_mark("a\u{200f}", Some('\u{200f}'))]
    #[case::isolate("\u{2068}a\u{2069}", Some('\u{2068}'))]
    #[case::soft_hyphen("a\u{ad}b", Some('\u{ad}'))]
    #[case::byte_order_mark("\u{feff}a", Some('\u{feff}'))]
    #[case::control("a\u{7}", Some('\u{7}'))]
    #[case::html("<p class=\"x\">&#8199; 50 % – “ok”</p>\r\n\t", None)]
    #[case::scripts("Añadir été größer 代码 パスワード שלום हिन्दी", None)]
    #[case::emoji("✉️ 🔐 €", None)]
    fn says_what_cognito_refuses(#[case] text: &str, #[case] expected: Option<char>) {
        assert_eq!(first_refused(text), expected);
    }
}

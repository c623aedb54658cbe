//! The cost of a text as an SMS: a provider bills every segment.
//!
//! We count segments here. The crates for it (`gsm7`, `sms_splitter`) pack bits or split texts, and would not
//! shorten this code.

/// The encoding of a text message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Septets, two for a character of the extension table (3GPP TS 23.038 §6.2.1).
    Gsm7,
    /// 16-bit units, two for a character outside the basic plane.
    Ucs2,
}

/// The size of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    pub encoding: Encoding,
    /// Septets or 16-bit units.
    pub units: usize,
    /// The number of segments that a provider bills.
    pub count: usize,
}

/// The basic alphabet without the escape (3GPP TS 23.038 §6.2.1).
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// The extension table (3GPP TS 23.038 §6.2.1.1).
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

impl Segments {
    /// Measures a text. One character over a limit costs a whole segment.
    pub fn of(text: &str) -> Self {
        let septets: Option<Vec<usize>> = text.chars().map(septets).collect();
        match septets {
            Some(widths) => Self::pack(Encoding::Gsm7, &widths, 160, 153),
            None => {
                Self::pack(Encoding::Ucs2, &text.chars().map(char::len_utf16).collect::<Vec<_>>(), 70, 67)
            }
        }
    }

    /// Returns the segments of a text without splitting a character. `alone` is the room of a single segment,
    /// `linked` that of one of several.
    fn pack(encoding: Encoding, widths: &[usize], alone: usize, linked: usize) -> Self {
        let units = widths.iter().sum();
        if units <= alone {
            return Self { encoding, units, count: 1 };
        }
        let (mut count, mut filled) = (1, 0);
        for width in widths {
            if filled + width > linked {
                count += 1;
                filled = 0;
            }
            filled += width;
        }
        Self { encoding, units, count }
    }
}

fn septets(character: char) -> Option<usize> {
    if BASIC.contains(character) {
        Some(1)
    } else if EXTENSION.contains(character) {
        Some(2)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_alphabet_is_whole() {
        // The table has 128 places, one of them the escape.
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(EXTENSION.chars().count(), 10);
    }

    #[rstest]
    #[case::nothing("", Encoding::Gsm7, 0, 1)]
    #[case::one_segment(&"a".repeat(160), Encoding::Gsm7, 160, 1)]
    #[case::one_over(&"a".repeat(161), Encoding::Gsm7, 161, 2)]
    #[case::two_full(&"a".repeat(306), Encoding::Gsm7, 306, 2)]
    #[case::three(&"a".repeat(307), Encoding::Gsm7, 307, 3)]
    #[case::extension(&"€".repeat(80), Encoding::Gsm7, 160, 1)]
    #[case::extension_over(&"€".repeat(81), Encoding::Gsm7, 162, 2)]
    // 153 is odd, so the escape of the 77th character goes to the next segment with its character.
    #[case::extension_not_split(&"€".repeat(153), Encoding::Gsm7, 306, 3)]
    #[case::accents_inside("é è à ù ñ ä ö ü ß ¿ ¡ Ç", Encoding::Gsm7, 23, 1)]
    #[case::accent_outside("ç", Encoding::Ucs2, 1, 1)]
    #[case::backtick("`", Encoding::Ucs2, 1, 1)]
    #[case::tab("\t", Encoding::Ucs2, 1, 1)]
    #[case::wide(&"あ".repeat(70), Encoding::Ucs2, 70, 1)]
    #[case::wide_over(&"あ".repeat(71), Encoding::Ucs2, 71, 2)]
    #[case::wide_two(&"あ".repeat(134), Encoding::Ucs2, 134, 2)]
    #[case::wide_three(&"あ".repeat(135), Encoding::Ucs2, 135, 3)]
    #[case::pairs(&"🔑".repeat(35), Encoding::Ucs2, 70, 1)]
    // 67 is odd, and a surrogate pair is not split.
    #[case::pairs_not_split(&"🔑".repeat(67), Encoding::Ucs2, 134, 3)]
    fn units_and_segments(
        #[case] text: &str,
        #[case] encoding: Encoding,
        #[case] units: usize,
        #[case] count: usize,
    ) {
        assert_eq!(Segments::of(text), Segments { encoding, units, count });
    }
}

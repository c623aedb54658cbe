//! What a text costs as an SMS: a provider bills every segment.
//!
//! Counted here: the crates for it (`gsm7`, `sms_splitter`) pack bits or cut texts up, and are no
//! longer than this.

/// How a text is encoded on its way to a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 3GPP TS 23.038 §6.2.1: septets, two for a character of the extension table.
    Gsm7,
    /// 16-bit units, two for a character outside the basic plane.
    Ucs2,
}

/// A text, measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    pub encoding: Encoding,
    /// Septets or 16-bit units.
    pub units: usize,
    /// How many segments are billed.
    pub count: usize,
}

/// 3GPP TS 23.038 §6.2.1, without the escape.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// 3GPP TS 23.038 §6.2.1.1.
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

    /// `alone` units fit in an only segment, `linked` in one of several. No character is split.
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
        // 128 places, one of them the escape.
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
    // 153 is odd: the escape of the 77th goes to the next segment with its character.
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
    // 67 is odd: a pair is not split.
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

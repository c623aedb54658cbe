//! Which locale a message is written in.

use unic_langid::{LanguageIdentifier, subtags::Script};

/// Longer than any tag in use without its extensions (RFC 5646 §4.4.1); `clientMetadata` may hold anything.
const LONGEST: usize = 35;

/// Reads a BCP 47 tag: `pt-BR`, `zh-Hant-TW`, also `en_US`, as the OIDC claim `locale` may have
/// it. Extensions and private subtags say nothing about the language and are left out.
pub(super) fn tag(text: &str) -> Option<LanguageIdentifier> {
    let is_singleton = |place: usize, subtag: &str| place > 0 && subtag.len() == 1;
    let subtags =
        text.split(['-', '_']).enumerate().take_while(|(place, subtag)| !is_singleton(*place, subtag));
    let tag = subtags.map(|(_, subtag)| subtag).collect::<Vec<_>>().join("-");
    if tag.len() > LONGEST {
        return None;
    }
    let tag: LanguageIdentifier = tag.parse().ok()?;
    // The parser takes any word of five to eight letters, and nothing at all, for a language.
    (2..=3).contains(&tag.language.as_str().len()).then_some(tag).filter(|tag| tag.language.as_str() != "und")
}

/// The place in `spoken` of the best match for the first of `wanted` that has one.
///
/// Regions may differ (`pt-BR` reads `pt`), scripts may not: who reads traditional Chinese is not
/// given simplified Chinese as if it were the same (CLDR, `parentLocales`).
pub(super) fn negotiate<'a>(
    wanted: impl IntoIterator<Item = &'a str>,
    spoken: &[LanguageIdentifier],
) -> Option<usize> {
    wanted.into_iter().filter_map(tag).find_map(|wanted| {
        let fitting = spoken.iter().enumerate().filter(|(_, spoken)| fits(&wanted, spoken));
        fitting.max_by_key(|(_, spoken)| closeness(&wanted, spoken)).map(|(place, _)| place)
    })
}

fn fits(wanted: &LanguageIdentifier, spoken: &LanguageIdentifier) -> bool {
    let scripts = (script(wanted), script(spoken));
    wanted.language == spoken.language && !matches!(scripts, (Some(a), Some(b)) if a != b)
}

/// Among those that fit: the same region before none before another.
fn closeness(wanted: &LanguageIdentifier, spoken: &LanguageIdentifier) -> u8 {
    match (wanted.region, spoken.region) {
        (wanted, spoken) if wanted == spoken => 2,
        (_, None) => 1,
        _ => 0,
    }
}

/// As it is said, or as it goes without saying.
fn script(tag: &LanguageIdentifier) -> Option<Script> {
    if tag.script.is_some() || tag.language.as_str() != "zh" {
        return tag.script;
    }
    let is_traditional = tag.region.is_some_and(|region| matches!(region.as_str(), "TW" | "HK" | "MO"));
    Script::from_bytes(if is_traditional { b"Hant" } else { b"Hans" }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen<'a>(wanted: &[&str], spoken: &[&'a str]) -> Option<&'a str> {
        let tags: Vec<_> = spoken.iter().map(|text| tag(text).unwrap()).collect();
        negotiate(wanted.iter().copied(), &tags).map(|place| spoken[place])
    }

    #[test]
    fn the_first_wanted_that_is_spoken_is_taken() {
        let spoken = ["en", "de", "pt", "zh"];
        for (wanted, expected) in [
            (&["de"][..], Some("de")),
            (&["DE-ch"], Some("de")),
            (&["pt-BR"], Some("pt")),
            (&["pt_BR"], Some("pt")),
            (&["it", "de"], Some("de")),
            (&["de-DE-u-co-phonebk"], Some("de")),
            (&["de-x-private"], Some("de")),
            (&["de-DE-u-ca-gregory-fw-mon-hc-h23-mu-celsius"], Some("de")),
            (&["de-Latn-1996"], Some("de")),
            (&["it"], None),
            (&[], None),
        ] {
            assert_eq!(chosen(wanted, &spoken), expected, "{wanted:?}");
        }
    }

    #[test]
    fn a_region_s_own_text_goes_before_the_language_s() {
        assert_eq!(chosen(&["pt-PT"], &["pt", "pt-PT"]), Some("pt-PT"));
        assert_eq!(chosen(&["pt-BR"], &["pt-PT", "pt"]), Some("pt"));
        assert_eq!(chosen(&["pt-BR"], &["pt-PT"]), Some("pt-PT"));
        assert_eq!(chosen(&["pt"], &["pt-PT", "pt"]), Some("pt"));
    }

    #[test]
    fn traditional_chinese_is_not_simplified_chinese() {
        for traditional in ["zh-Hant", "zh-TW", "zh-HK", "zh-Hant-MO"] {
            assert_eq!(chosen(&[traditional], &["en", "zh"]), None, "{traditional}");
            assert_eq!(chosen(&[traditional, "en"], &["en", "zh"]), Some("en"), "{traditional}");
            assert_eq!(chosen(&[traditional], &["zh", "zh-Hant"]), Some("zh-Hant"), "{traditional}");
        }
        for simplified in ["zh", "zh-CN", "zh-Hans", "zh-Hans-SG"] {
            assert_eq!(chosen(&[simplified], &["zh-Hant", "zh"]), Some("zh"), "{simplified}");
        }
        assert_eq!(chosen(&["sr-Latn"], &["sr-Cyrl"]), None);
    }

    #[test]
    fn what_is_no_tag_is_skipped() {
        let long = "a".repeat(10_000);
        for junk in
            ["", " ", "-", "de;q=0.9", "english", "../de", "d", "und", "{0}", "日本", "de-", "de\n", &long]
        {
            assert_eq!(chosen(&[junk], &["en", "de"]), None, "{junk:?}");
            assert_eq!(chosen(&[junk, "de"], &["en", "de"]), Some("de"), "{junk:?}");
        }
    }
}

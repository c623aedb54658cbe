//! The choice of a message's locale.

use unic_langid::{LanguageIdentifier, subtags::Script};

/// Limit in characters, above any tag in use without its extensions (RFC 5646 §4.4.1). `clientMetadata` may
/// hold any text.
const LONGEST: usize = 35;
/// The maximum number of items that we read of one list. Browsers send fewer.
const MOST_ITEMS: usize = 20;

/// Language codes from before 1989, which Java still writes, and their present ISO 639 codes.
const FORMER: [(&str, &str); 3] = [("iw", "he"), ("in", "id"), ("ji", "yi")];

/// Reads the language tags of a text, most wanted first. The text is a tag, or a list as in `Accept-Language`
/// (`de-DE, en;q=0.8`, RFC 9110 §12.5.4). An item with the weight 0 is unwanted.
fn tags(text: &str) -> Vec<LanguageIdentifier> {
    let weighted = |item: &str| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let weight = match parameters.trim().strip_prefix("q=") {
            Some(weight) => {
                weight.trim().parse::<f32>().ok().filter(|weight| (0.0..=1.0).contains(weight))?
            }
            None if parameters.trim().is_empty() => 1.0,
            None => return None,
        };
        Some((weight, locale(name.trim())?)).filter(|(weight, _)| *weight > 0.0)
    };
    let mut found: Vec<_> = text.split(',').take(MOST_ITEMS).filter_map(weighted).collect();
    found.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    found.into_iter().map(|(_, tag)| tag).collect()
}

/// Reads one locale as users' systems write it: a tag, a POSIX name (`zh_CN.UTF-8`, `sr_RS@latin`) or a Java one
/// (`zh_TW_#Hant`). The encoding does not change the language and is left out.
fn locale(text: &str) -> Option<LanguageIdentifier> {
    let (text, modifier) = text.split_once('@').unwrap_or((text, ""));
    let text = text.split_once('.').map_or(text, |(name, _)| name);
    let (text, java) = text.split_once('#').unwrap_or((text, ""));
    let script = match modifier {
        "latin" => Some("Latn"),
        "cyrillic" => Some("Cyrl"),
        _ => java.split(['-', '_']).next().filter(|script| script.len() == 4),
    };
    let mut subtags = text.trim_end_matches('_').split(['-', '_']);
    let language = subtags.next()?;
    let today = FORMER.iter().find(|(former, _)| language.eq_ignore_ascii_case(former));
    let language = today.map_or(language, |(_, today)| today);
    tag(&[language].into_iter().chain(script).chain(subtags).collect::<Vec<_>>().join("-"))
}

/// Reads a BCP 47 tag: `pt-BR`, `zh-Hant-TW`, also `en_US`, as the OIDC claim `locale` may have
/// it. Extensions and private subtags do not change the language and are left out.
pub(super) fn tag(text: &str) -> Option<LanguageIdentifier> {
    let is_singleton = |place: usize, subtag: &str| place > 0 && subtag.len() == 1;
    let subtags =
        text.split(['-', '_']).enumerate().take_while(|(place, subtag)| !is_singleton(*place, subtag));
    let tag = subtags.map(|(_, subtag)| subtag).collect::<Vec<_>>().join("-");
    if tag.len() > LONGEST {
        return None;
    }
    let tag: LanguageIdentifier = tag.parse().ok()?;
    // The parser accepts any word of five to eight letters, and the empty text, as a language.
    (2..=3).contains(&tag.language.as_str().len()).then_some(tag).filter(|tag| tag.language.as_str() != "und")
}

/// Returns the index in `spoken` of the best match for the first of `wanted` that has one.
///
/// Regions may differ (`pt-BR` matches `pt`), scripts may not: a reader of traditional Chinese does not get
/// simplified Chinese (CLDR, `parentLocales`).
pub(super) fn negotiate<'a>(
    wanted: impl IntoIterator<Item = &'a str>,
    spoken: &[LanguageIdentifier],
) -> Option<usize> {
    wanted.into_iter().flat_map(tags).find_map(|wanted| {
        let fitting = spoken.iter().enumerate().filter(|(_, spoken)| fits(&wanted, spoken));
        fitting.max_by_key(|(_, spoken)| closeness(&wanted, spoken)).map(|(place, _)| place)
    })
}

fn fits(wanted: &LanguageIdentifier, spoken: &LanguageIdentifier) -> bool {
    let scripts = (script(wanted), script(spoken));
    wanted.language == spoken.language && !matches!(scripts, (Some(a), Some(b)) if a != b)
}

/// Ranks matching tags: the same region first, then no region, then another region.
fn closeness(wanted: &LanguageIdentifier, spoken: &LanguageIdentifier) -> u8 {
    match (wanted.region, spoken.region) {
        (wanted, spoken) if wanted == spoken => 2,
        (_, None) => 1,
        _ => 0,
    }
}

/// Returns the script of the tag, or for Chinese the usual script of its region.
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
            (&["zh_CN.UTF-8"], Some("zh")),
            (&["de_AT@calendar=buddhist"], Some("de")),
            (&["pt_BR.ISO8859-1@euro"], Some("pt")),
            (&["de-DE, en;q=0.8"], Some("de")),
            (&["it;q=0.9, en;q=0.5, de; q=0.7"], Some("de")),
            (&["de;q=0, pt;q=0.1"], Some("pt")),
            (&["*, de;q=0.5"], Some("de")),
            (&["de;q=2, de;level=1, pt;q=0.1"], Some("pt")),
            (&["zh_CN_#Hans"], Some("zh")),
            (&["de__#Latn"], Some("de")),
            (&["de-DE-u-rg-atzzzz, en"], Some("de")),
            (&["it"], None),
            (&["C.UTF-8"], None),
            (&["POSIX"], None),
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
        for traditional in ["zh-Hant", "zh-TW", "zh-HK", "zh-Hant-MO", "zh_TW.UTF-8", "zh_SG_#Hant"] {
            assert_eq!(chosen(&[traditional], &["en", "zh"]), None, "{traditional}");
            assert_eq!(chosen(&[traditional, "en"], &["en", "zh"]), Some("en"), "{traditional}");
            assert_eq!(chosen(&[traditional], &["zh", "zh-Hant"]), Some("zh-Hant"), "{traditional}");
        }
        for simplified in ["zh", "zh-CN", "zh-Hans", "zh-Hans-SG"] {
            assert_eq!(chosen(&[simplified], &["zh-Hant", "zh"]), Some("zh"), "{simplified}");
        }
        for latin in ["sr-Latn", "sr_RS@latin", "sr_RS_#Latn"] {
            assert_eq!(chosen(&[latin], &["sr-Cyrl"]), None, "{latin}");
            assert_eq!(chosen(&[latin], &["sr-Cyrl", "sr-Latn"]), Some("sr-Latn"), "{latin}");
        }
    }

    #[test]
    fn a_file_s_name_is_a_tag_and_nothing_else() {
        for name in ["de.old", "de@euro", "de, en", "de_#Latn", "iw.bak"] {
            assert_eq!(tag(name), None, "{name}");
        }
    }

    #[test]
    fn former_codes_are_the_languages_of_today() {
        for (former, today) in [("iw_IL", "he"), ("IN", "id"), ("ji", "yi")] {
            assert_eq!(chosen(&[former], &["en", today]), Some(today), "{former}");
        }
    }

    #[test]
    fn what_is_no_tag_is_skipped() {
        let long = "a".repeat(10_000);
        for junk in
            ["", " ", "-", "de;q=x", "english", "../de", "d", "und", "{0}", "日本", "de-", "de\0", &long]
        {
            assert_eq!(chosen(&[junk], &["en", "de"]), None, "{junk:?}");
            assert_eq!(chosen(&[junk, "de"], &["en", "de"]), Some("de"), "{junk:?}");
        }
    }
}

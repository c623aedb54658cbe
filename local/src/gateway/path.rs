//! A path as an HTTP API reads it (cognito.md §8.4). It decodes the path twice and cuts it at a `?` of the first
//! decoding. Routes are matched against what is left, and functions see nothing else.

use percent_encoding::percent_decode_str;

/// Returns the path that is routed; `None` for one that is answered with 400.
pub(super) fn read(sent: &str) -> Option<String> {
    let once = decoded(sent)?;
    let path = once.split_once('?').map_or(once.as_str(), |(path, _)| path);
    decoded(path)
}

/// Decodes a text in which every `%` begins an escape.
fn decoded(text: &str) -> Option<String> {
    let is_escape =
        |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    if !text.split('%').skip(1).all(is_escape) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first ten are captures of a real HTTP API (cognito.md §8.4); the rest follows from them.
    #[test]
    fn a_path_is_decoded_twice_and_cut_between() {
        for (sent, read_as) in [
            ("/capture/plain", Some("/capture/plain")),
            ("/capture/space%20value", Some("/capture/space value")),
            ("/capture/question%3Fvalue", Some("/capture/question")),
            ("/capture/percent%25done", None),
            ("/capture/hash%23value", Some("/capture/hash#value")),
            ("/capture/slash%2Fvalue", Some("/capture/slash/value")),
            ("/capture/unicode-%CE%BB-%E4%B8%96%E7%95%8C", Some("/capture/unicode-λ-世界")),
            ("/capture/literal%252Fvalue", Some("/capture/literal/value")),
            ("/capture/literal%253Fvalue", Some("/capture/literal?value")),
            ("/capture/literal%2525value", Some("/capture/literal%value")),
            ("/a%2525252F", Some("/a%252F")),
            ("/a%25%32%46b", Some("/a/b")),
            ("/a%3F%zz", None),
            ("/a%3F%25zz", Some("/a")),
            ("/a%", None),
            ("/a%F", None),
            ("/a%FF", None),
            ("/a/../b", Some("/a/../b")),
            ("/a/%2E%2E/b", Some("/a/../b")),
        ] {
            assert_eq!(read(sent).as_deref(), read_as, "{sent}");
        }
    }
}

/// The factor between two parts of a version. Each part but the first has three digits of the number.
const PART: i64 = 1_000;
const LARGEST_FIRST: i64 = 1_000_000;

/// Converts `2.5.13` to 2005013, because Cedar cannot order texts. A version has one to three parts, and the
/// later ones are below 1,000. Returns `None` for any other text, such as a pre-release.
pub(crate) fn version(text: &str) -> Option<i64> {
    let mut parts = text.split('.');
    let mut number = part(parts.next()?, LARGEST_FIRST)?;
    for _ in 0..2 {
        number = number * PART + parts.next().map_or(Some(0), |text| part(text, PART))?;
    }
    parts.next().is_none().then_some(number)
}

fn part(text: &str, limit: i64) -> Option<i64> {
    let is_number = (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number < limit)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2.5.13", Some(2_005_013))]
    #[case("2.5", Some(2_005_000))]
    #[case("2", Some(2_000_000))]
    #[case("2026.11.999", Some(2_026_011_999))]
    #[case("0.0.1", Some(1))]
    #[case("2.5.1000", None)]
    #[case("2.5.13.1", None)]
    #[case("2.5.13-beta", None)]
    #[case("2..1", None)]
    #[case("2.", None)]
    #[case("-2", None)]
    #[case("+2", None)]
    #[case("2.0000001", None)]
    #[case("", None)]
    fn versions_are_numbers(#[case] text: &str, #[case] number: Option<i64>) {
        assert_eq!(version(text), number);
    }
}

/// Returns whether the attribute `email_verified` or `phone_number_verified` says so. Cognito also sends `"True"`
/// (cognito.md §4.8), as an identity provider wrote it.
pub fn is_verified(flag: Option<&str>) -> bool {
    flag.is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::is_verified;

    #[rstest]
    #[case(Some("true"), true)]
    #[case(Some("True"), true)]
    #[case(Some("TRUE"), true)]
    #[case(Some("false"), false)]
    #[case(Some("False"), false)]
    #[case(Some("1"), false)]
    #[case(Some(" true"), false)]
    #[case(Some(""), false)]
    #[case(None, false)]
    fn only_true_is_verified(#[case] flag: Option<&str>, #[case] expected: bool) {
        assert_eq!(is_verified(flag), expected);
    }
}

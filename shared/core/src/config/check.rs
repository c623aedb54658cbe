use toml::de::{DeTable, DeValue};

use super::{Policy, Problems};

/// Checks an operator's `policy.toml`. Returns every problem, with its line if it has one.
pub fn check_policy(overrides: &str) -> Result<Policy, Vec<(Option<usize>, String)>> {
    Policy::read(Some(overrides)).map_err(|Problems(problems)| {
        let document = DeTable::parse(overrides);
        let place = |problem: &str| match &document {
            Ok(document) => place_of(document.get_ref(), problem),
            Err(fault) => fault.span().map(|span| span.start),
        };
        let located = problems.into_iter().map(|problem| {
            let line = place(&problem).map(|place| line_at(overrides, place));
            (line, problem)
        });
        let mut located: Vec<_> = located.collect();
        located.sort();
        located
    })
}

/// Returns the line of the key that `problem` begins with, if the overrides have the key.
pub fn line_of(overrides: &str, problem: &str) -> Option<usize> {
    let document = DeTable::parse(overrides).ok()?;
    place_of(document.get_ref(), problem).map(|place| line_at(overrides, place))
}

/// Returns the position of the key that a problem begins with. Returns `None` if the overrides do not contain
/// the key, because a compiled-in value conflicts with another one.
fn place_of(document: &DeTable<'_>, problem: &str) -> Option<usize> {
    let key = problem.split([' ', ':']).next()?;
    let (mut table, mut found) = (document, None);
    for part in key.split('.') {
        let (name, value) = table.iter().find(|(name, _)| name.get_ref() == part)?;
        found = Some(name.span().start);
        match value.get_ref() {
            DeValue::Table(below) => table = below,
            _ => break,
        }
    }
    found
}

fn line_at(text: &str, place: usize) -> usize {
    text.bytes().take(place).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(overrides: &str) -> Vec<(Option<usize>, String)> {
        check_policy(overrides).unwrap_err()
    }

    #[test]
    fn every_problem_has_the_line_of_its_key() {
        let found = lines(
            "[sign_up]\nopne = true\nauto_confirm = 'yes'\n\n[messages]\ndomain = 'a b'\n\
             validity_minutes.sign_up = 999_999\n[sign_in]\nsurge_after = 0\n[extra]\n",
        );
        let found: Vec<_> =
            found.iter().map(|(line, problem)| (line.unwrap(), problem.split(' ').next().unwrap())).collect();
        assert_eq!(
            found,
            [
                (2, "sign_up.opne"),
                (3, "sign_up.auto_confirm"),
                (6, "messages.domain:"),
                (7, "messages.validity_minutes.sign_up"),
                (9, "sign_in.surge_after"),
                (10, "extra"),
            ]
        );
    }

    #[test]
    fn what_is_not_toml_has_the_line_where_it_stops_being_so() {
        let found = lines("[sign_up]\nopen = true\nclosed\n");
        assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [Some(3)]);
        assert!(found[0].1.starts_with("not TOML"), "{found:?}");
    }

    #[test]
    fn a_good_policy_comes_out() {
        assert!(!check_policy("[sign_up]\nopen = false\n").unwrap().sign_up.open);
    }
}

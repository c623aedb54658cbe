//! The checks, grouped by subject. A check is an entry in a table.

mod clients;
mod deployment;
mod factors;
mod pool;
mod strength;

use super::Check;

pub(super) fn all() -> impl Iterator<Item = &'static Check> {
    [deployment::CHECKS, strength::CHECKS, factors::CHECKS, pool::CHECKS, clients::CHECKS]
        .into_iter()
        .flatten()
}

/// Returns one finding if `wrong`.
fn one(wrong: bool, what: impl Into<String>) -> Vec<String> {
    if wrong { vec![what.into()] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::all;

    #[test]
    fn every_check_has_an_id_of_its_own_and_refers_to_what_exists() {
        let ids: BTreeSet<_> = all().map(|check| check.id).collect();
        assert_eq!(ids.len(), all().count());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for check in all() {
            let (file, section) = check.reference.split_once(", ").unwrap();
            let text = fs::read_to_string(root.join(file)).unwrap();
            let heading = |line: &str| line.starts_with('#') && line.contains(section);
            assert!(text.lines().any(heading), "{}: {}", check.id, check.reference);
        }
    }
}

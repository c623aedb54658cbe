use std::fs;

use end_to_end::workspace;
use serde::Deserialize;

/// Differences that are meant: `meant.toml`.
#[derive(Debug, Deserialize)]
pub(crate) struct Meant {
    meant: Vec<Difference>,
}

#[derive(Debug, Deserialize)]
struct Difference {
    /// Parts of its line.
    says: Vec<String>,
    why: String,
}

impl Meant {
    pub(crate) fn read() -> Self {
        let file = workspace().join("tests/tests/versions/meant.toml");
        toml::from_str(&fs::read_to_string(file).unwrap()).unwrap()
    }

    /// Prints what is meant; fails if there is anything else.
    pub(crate) fn judge(&self, lines: Vec<String>) {
        let mut wrong = Vec::new();
        for line in lines {
            match self.meant.iter().find(|one| one.says.iter().all(|part| line.contains(part))) {
                Some(one) => println!("meant ({}): {line}", one.why),
                None => wrong.push(line),
            }
        }
        assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    }
}

use std::fs;

use end_to_end::workspace;
use serde::Deserialize;

/// The intended differences, from `meant.toml`.
#[derive(Debug, Deserialize)]
pub(crate) struct Meant {
    #[serde(default)]
    meant: Vec<Difference>,
    #[serde(default)]
    added: Vec<Added>,
}

#[derive(Debug, Deserialize)]
struct Difference {
    /// Texts that the difference's line contains.
    says: Vec<String>,
    why: String,
}

/// Texts that items of the earlier version do not have.
#[derive(Debug, Deserialize)]
struct Added {
    attributes: Vec<String>,
    why: String,
}

impl Added {
    /// Returns the line of the earlier version's item for a line of the present version's item.
    fn earlier(&self, line: &str) -> Option<String> {
        let earlier = self.attributes.iter().fold(line.to_owned(), |line, attribute| {
            line.replacen(&format!(r#""{attribute}":{{"S":"<text>"}},"#), "", 1)
        });
        (earlier != line).then(|| earlier.replacen("+ item", "- item", 1))
    }
}

impl Meant {
    pub(crate) fn read() -> Self {
        let file = workspace().join("tests/tests/versions/meant.toml");
        toml::from_str(&fs::read_to_string(file).unwrap()).unwrap()
    }

    /// Prints the intended differences, and fails if there are others.
    pub(crate) fn judge(&self, mut lines: Vec<String>) {
        for one in &self.added {
            for line in lines.clone() {
                let Some(earlier) = one.earlier(&line).filter(|earlier| lines.contains(earlier)) else {
                    continue;
                };
                println!("meant ({}): {line}", one.why);
                lines.retain(|kept| *kept != earlier && *kept != line);
            }
        }
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

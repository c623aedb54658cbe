//! Computes the revision, which identifies everything that the functions are made from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::parameters::Parameters;

/// The parameter and the output of the template.
pub(super) const REVISION: &str = "Revision";

/// Returns the revision of the built code in `build`, the overrides, the templates, the parameters and the
/// versions of the secrets. A version of a secret is its ARN and the id of its current version.
pub(super) fn revision(
    build: &Path,
    overrides: &Path,
    templates: &[PathBuf],
    parameters: &Parameters,
    secrets: &[(String, String)],
) -> Result<String> {
    let mut hash = Sha256::new();
    // Lengths keep the parts apart.
    let mut add = |part: &[u8]| {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    };
    let mut add_file = |root: &Path, file: &Path| -> Result<()> {
        let name = file.strip_prefix(root).unwrap_or(file);
        add(name.as_os_str().as_encoded_bytes());
        add(&fs::read(file).with_context(|| file.display().to_string())?);
        Ok(())
    };
    for (root, files) in [(build, bootstraps(build)?), (overrides, all_files(overrides)?)] {
        for file in files {
            add_file(root, &file)?;
        }
    }
    for template in templates {
        add_file(template.parent().unwrap_or(template), template)?;
    }
    let parameters = parameters.iter().filter(|(name, _)| *name != REVISION);
    let secrets = secrets.iter().map(|(arn, version)| (arn.as_str(), version.as_str()));
    for (name, value) in parameters.chain(secrets) {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    Ok(HEXLOWER.encode(&hash.finalize()))
}

/// Returns the functions that `sam build` built.
pub(super) fn bootstraps(build: &Path) -> Result<Vec<PathBuf>> {
    let mut files = all_files(build)?;
    files.retain(|file| file.file_name().is_some_and(|name| name == "bootstrap"));
    Ok(files)
}

/// Returns every file below a folder, in order. A missing folder gives no file.
fn all_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop().filter(|folder| folder.exists()) {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TEMPLATE: &str = "Parameters: { A: {}, B: {}, Revision: {}, Architecture: {} }";

    struct Made {
        folder: tempfile::TempDir,
        given: Vec<String>,
        secrets: Vec<(String, String)>,
    }

    impl Made {
        fn new() -> Self {
            let made = Self {
                folder: tempfile::tempdir().unwrap(),
                given: vec!["A=1".to_owned()],
                secrets: vec![("arn:hash".to_owned(), "v1".to_owned())],
            };
            made.write("build/Triggers/PreSignUp/bootstrap", "code");
            made.write("overrides/policy.toml", "[sign_up]");
            made.write("template.yaml", TEMPLATE);
            made
        }

        fn write(&self, name: &str, text: &str) {
            let file = self.folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }

        fn revision(&self) -> String {
            let at = |name: &str| self.folder.path().join(name);
            let parameters = Parameters::read(self.folder.path(), "prod", &self.given, TEMPLATE).unwrap();
            let templates = [at("template.yaml")];
            revision(&at("build"), &at("overrides"), &templates, &parameters, &self.secrets).unwrap()
        }
    }

    #[test]
    fn everything_that_functions_are_made_from_changes_the_revision() {
        let mut made = Made::new();
        let first = made.revision();
        assert_eq!(made.revision(), first, "nothing changed");
        made.write("build/Triggers/packaged.yaml", "of SAM");
        made.given.push("Revision=abc".to_owned());
        assert_eq!(made.revision(), first, "no part of the functions");

        let mut seen = BTreeSet::from([first]);
        let mut expect_new = |made: &Made, what: &str| assert!(seen.insert(made.revision()), "{what}");
        made.write("build/Triggers/PreSignUp/bootstrap", "code 2");
        expect_new(&made, "code");
        made.write("overrides/policy.toml", "[sign_in]");
        expect_new(&made, "policy");
        made.write("overrides/rules/10.cedar", "forbid");
        expect_new(&made, "a new rule");
        made.write("overrides/rules/11.cedar", "forbid");
        fs::remove_file(made.folder.path().join("overrides/rules/10.cedar")).unwrap();
        expect_new(&made, "the same rule under another name");
        made.write("template.yaml", "Resources: {}");
        expect_new(&made, "template");
        made.given[0] = "A=2".to_owned();
        expect_new(&made, "a parameter");
        made.given[0] = "B=2".to_owned();
        expect_new(&made, "another parameter");
        made.secrets[0].1 = "v2".to_owned();
        expect_new(&made, "a rotated secret");
        made.secrets.clear();
        expect_new(&made, "no secret");
    }

    /// SAM takes ten characters of the revision into a logical id.
    #[test]
    fn a_revision_is_hexadecimal() {
        let revision = Made::new().revision();
        assert!(revision.len() == 64 && revision.chars().all(|one| one.is_ascii_hexdigit()), "{revision}");
    }
}

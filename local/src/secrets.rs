//! What Secrets Manager generates for a deployment, kept between runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};

use crate::ambient::unique_id;

/// Generated secrets by logical id.
#[derive(Debug)]
pub struct Secrets {
    file: Option<PathBuf>,
    values: BTreeMap<String, String>,
}

impl Secrets {
    /// Those of an earlier run, if `file` has any.
    pub fn open(file: Option<PathBuf>) -> Result<Self> {
        let text = match file.as_ref().map(fs::read) {
            None => None,
            Some(Ok(text)) => Some(text),
            Some(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => None,
            Some(Err(error)) => return Err(error).context("cannot read secrets.json"),
        };
        let values = match text {
            Some(text) => serde_json::from_slice(&text)
                .map_err(|error| anyhow!("secrets.json is broken ({error}); start with --fresh"))?,
            None => BTreeMap::new(),
        };
        Ok(Self { file, values })
    }

    /// 64 characters, generated when `id` is new.
    pub fn ensure(&mut self, id: &str) -> Result<String> {
        if let Some(value) = self.values.get(id) {
            return Ok(value.clone());
        }
        let value = format!("{}{}", unique_id().simple(), unique_id().simple());
        self.values.insert(id.to_owned(), value.clone());
        if let Some(file) = &self.file {
            fs::write(file, serde_json::to_vec_pretty(&self.values)?).context("cannot write secrets.json")?;
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.json");
        let first = Secrets::open(Some(file.clone())).unwrap().ensure("HashKey").unwrap();
        let mut again = Secrets::open(Some(file.clone())).unwrap();
        assert_eq!(again.ensure("HashKey").unwrap(), first);
        assert_ne!(again.ensure("Other").unwrap(), first);
        fs::write(&file, "{").unwrap();
        assert!(Secrets::open(Some(file)).unwrap_err().to_string().contains("--fresh"));
    }
}

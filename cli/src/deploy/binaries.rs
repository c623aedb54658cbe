//! Checks that the built functions are for the processor on which Lambda will run them.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::revision::bootstraps;

/// `\x7fELF`, 64 bits, little-endian.
const MAGIC: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];
/// The offset of `e_machine`, two bytes.
const MACHINE: usize = 18;

/// Fails unless every function below `build` is for `architecture`. Lambda could not start any other.
pub(super) fn check(build: &Path, architecture: &str) -> Result<()> {
    let files = bootstraps(build)?;
    ensure!(!files.is_empty(), "sam build left no function in {}", build.display());
    for file in files {
        let place = || file.display().to_string();
        let mut header = [0; MACHINE + 2];
        File::open(&file).and_then(|mut file| file.read_exact(&mut header)).with_context(place)?;
        let found = machine(header);
        ensure!(
            found == Some(architecture),
            "{} is built for {}, and the parameter Architecture is {architecture}",
            file.display(),
            found.unwrap_or("an unknown processor"),
        );
    }
    Ok(())
}

fn machine(header: [u8; MACHINE + 2]) -> Option<&'static str> {
    let [.., low, high] = header;
    if !header.starts_with(&MAGIC) {
        return None;
    }
    match u16::from_le_bytes([low, high]) {
        0x3e => Some("x86_64"),
        0xb7 => Some("arm64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn elf(machine: u16) -> Vec<u8> {
        let mut header = vec![0; 64];
        header[..6].copy_from_slice(&MAGIC);
        header[MACHINE..MACHINE + 2].copy_from_slice(&machine.to_le_bytes());
        header
    }

    fn checked(functions: &[Vec<u8>], architecture: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        for (number, function) in functions.iter().enumerate() {
            let place = folder.path().join(format!("Triggers/F{number}"));
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("bootstrap"), function).unwrap();
        }
        check(folder.path(), architecture).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn every_function_has_to_be_for_the_processor_of_the_template() {
        assert_eq!(checked(&[elf(0xb7), elf(0xb7)], "arm64"), Ok(()));
        assert_eq!(checked(&[elf(0x3e)], "x86_64"), Ok(()));
        let mixed = checked(&[elf(0x3e), elf(0xb7)], "x86_64").unwrap_err();
        assert!(mixed.contains("F1/bootstrap is built for arm64, and the parameter Architecture is x86_64"));
        assert!(checked(&[elf(0x3e)], "arm64").is_err());
        assert!(checked(&[elf(0xf3)], "arm64").unwrap_err().contains("an unknown processor"));
        assert!(checked(&[b"#!/bin/sh\nexec something else\n".to_vec()], "arm64").is_err());
        assert!(checked(&[b"short".to_vec()], "arm64").is_err());
        assert!(checked(&[], "arm64").unwrap_err().contains("left no function"));
        // The program of this test is for this machine.
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        assert_eq!(checked(&[own], architecture), Ok(()));
    }
}

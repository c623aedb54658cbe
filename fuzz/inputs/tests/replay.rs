//! Replays the kept inputs of the fuzz targets.

use std::{fs, path::Path};

/// A promise that held for an input when it was kept must still hold.
#[test]
fn what_was_found_once_stays_found() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    for (name, target) in hostile_input::TARGETS {
        let mut files: Vec<_> =
            fs::read_dir(corpus.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(!files.is_empty(), "{name}");
        files.sort();
        for file in files {
            let input = fs::read(&file).unwrap();
            let outcome = std::panic::catch_unwind(|| target(&input));
            assert!(outcome.is_ok(), "{}", file.display());
        }
    }
}

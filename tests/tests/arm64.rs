//! Every function as a zip for Lambda on arm64, cross-built by cargo-lambda with zig. `cargo xtask test arm64`
//! builds the zips first. We cannot run them here, so the test reads what the dynamic linker of Amazon Linux
//! 2023 will need.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails where its own steps do")]

use std::collections::BTreeSet;
use std::env;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use end_to_end::functions;
use object::elf::{EM_AARCH64, FileHeader64};
use object::read::elf::{Dyn as _, FileHeader as _};
use object::{Endianness, elf};
use zip::ZipArchive;

/// The C library of Amazon Linux 2023, as major and minor version.
const GLIBC: (u32, u32) = (2, 34);
/// Libraries that Lambda's `provided.al2023` has.
const LIBRARIES: [&str; 7] = [
    "ld-linux-aarch64.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
];

#[test]
fn amazon_linux_2023_for_arm64_has_what_every_function_needs() {
    let folder = zips();
    for function in functions() {
        let path = folder.join(function.name).join("bootstrap.zip");
        let mut zip = ZipArchive::new(File::open(&path).expect(function.name)).unwrap();
        let names: Vec<_> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(names, ["bootstrap"], "{}", function.name);
        let mut entry = zip.by_name("bootstrap").unwrap();
        let mode = entry.unix_mode().expect("the zip stores the mode");
        assert_eq!(mode & 0o555, 0o555, "{} is executable: {mode:o}", function.name);
        let mut binary = Vec::new();
        entry.read_to_end(&mut binary).unwrap();
        let needs = Needs::of(&binary);
        let foreign: Vec<_> =
            needs.libraries.iter().filter(|name| !LIBRARIES.contains(&name.as_str())).collect();
        assert!(foreign.is_empty(), "{} needs {foreign:?}", function.name);
        assert!(needs.libraries.contains("libc.so.6"), "{} needs a C library", function.name);
        assert!(needs.symbols.contains("__libc_start_main"), "{} has no start-up code", function.name);
        let newest = needs.versions.iter().max().expect("versions of the C library");
        assert!(*newest <= GLIBC, "{} needs glibc {newest:?}", function.name);
        println!("{}: {:.1} MB, glibc {}.{}", function.name, megabytes(&binary), newest.0, newest.1);
    }
}

#[expect(clippy::disallowed_methods, reason = "`cargo xtask test arm64` says where it has built")]
fn zips() -> PathBuf {
    env::var_os("COGNITO_MFA_ARM64").expect("run `cargo xtask test arm64`").into()
}

#[expect(clippy::cast_precision_loss, reason = "a size to read")]
fn megabytes(binary: &[u8]) -> f64 {
    binary.len() as f64 / 1e6
}

/// What a binary needs from the system.
struct Needs {
    libraries: BTreeSet<String>,
    /// Versions of glibc.
    versions: BTreeSet<(u32, u32)>,
    /// Symbols of other libraries.
    symbols: BTreeSet<String>,
}

impl Needs {
    /// Reads the header, the dynamic section and the symbols of an ELF file for arm64.
    fn of(binary: &[u8]) -> Self {
        let header = FileHeader64::<Endianness>::parse(binary).unwrap();
        let endian = header.endian().unwrap();
        assert_eq!(header.e_machine(endian), EM_AARCH64, "for arm64");
        assert_ne!(header.e_entry(endian), 0, "has an entry point");
        let sections = header.sections(endian, binary).unwrap();

        let (dynamic, index) = sections.dynamic(endian, binary).unwrap().expect("is linked dynamically");
        let strings = sections.strings(endian, binary, index).unwrap();
        let libraries = dynamic
            .iter()
            .filter(|entry| entry.d_tag(endian) == elf::DT_NEEDED)
            .map(|entry| text(entry.string(endian, strings).unwrap()))
            .collect();

        let mut versions = BTreeSet::new();
        let (mut needed, index) =
            sections.gnu_verneed(endian, binary).unwrap().expect("versions of libraries");
        let strings = sections.strings(endian, binary, index).unwrap();
        while let Some((_, mut names)) = needed.next().unwrap() {
            while let Some(name) = names.next().unwrap() {
                let name = text(name.name(endian, strings).unwrap());
                if let Some((major, minor)) =
                    name.strip_prefix("GLIBC_").and_then(|name| name.split_once('.'))
                {
                    let minor = minor.split('.').next().unwrap();
                    versions.insert((major.parse().unwrap(), minor.parse().unwrap()));
                }
            }
        }

        let table = sections.symbols(endian, binary, elf::SHT_DYNSYM).unwrap();
        let symbols = table
            .iter()
            .filter(|symbol| object::read::elf::Sym::is_undefined(*symbol, endian))
            .map(|symbol| text(object::read::elf::Sym::name(symbol, endian, table.strings()).unwrap()))
            .collect();
        Self { libraries, versions, symbols }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

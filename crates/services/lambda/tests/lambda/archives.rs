use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;

use windlass_lambda::{ArchiveError, unpack};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

enum Entry {
    File(&'static str, u32, Vec<u8>),
    Folder(&'static str),
    Link(&'static str, &'static str),
}
use Entry::{File, Folder, Link};

fn file(name: &'static str) -> Entry {
    File(name, 0o644, b"x".to_vec())
}

fn zip_of(entries: &[Entry]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for entry in entries {
        match entry {
            File(name, mode, content) => {
                writer.start_file(*name, options.unix_permissions(*mode)).expect("an entry");
                writer.write_all(content).expect("content");
            }
            Folder(name) => writer.add_directory(*name, options).expect("a folder"),
            Link(name, target) => writer.add_symlink(*name, *target, options).expect("a link"),
        }
    }
    writer.finish().expect("a zip").into_inner()
}

fn result_of(zip: &[u8]) -> (tempfile::TempDir, Result<(), ArchiveError>) {
    let outer = tempfile::tempdir().expect("a folder");
    let folder = outer.path().join("root");
    fs::create_dir(&folder).expect("a folder");
    let result = unpack(Cursor::new(zip), zip.len() as u64, &folder);
    let outside: Vec<_> = fs::read_dir(outer.path()).expect("its entries").collect();
    assert_eq!(outside.len(), 1, "something was written outside: {outside:?}");
    (outer, result)
}

#[test]
fn dangerous_packages_are_refused() {
    let cases: Vec<(&str, Vec<Entry>)> = vec![
        ("parent", vec![file("../x")]),
        ("parent inside", vec![file("a/../../x")]),
        ("parent that stays", vec![file("a/../x")]),
        ("absolute", vec![file("/etc/x")]),
        ("drive", vec![file("c:x")]),
        ("backslash", vec![file("..\\x")]),
        ("NUL", vec![file("a\0b")]),
        ("device", vec![file("con")]),
        ("device with an extension", vec![file("a/Aux.txt")]),
        ("numbered device", vec![file("LPT1.js")]),
        ("case clash of files", vec![file("a.py"), file("A.py")]),
        ("case clash of folders", vec![file("a/x"), file("A/y")]),
        ("file and folder", vec![file("a"), file("a/x")]),
        ("folder and file", vec![file("a/x"), file("a")]),
        ("link to the outside", vec![Link("l", "../../etc/passwd")]),
        ("absolute link", vec![Link("l", "/etc/passwd")]),
        ("through a link", vec![Link("l", "d"), file("l/x")]),
        (
            "links that leave together",
            vec![Folder("d/"), Link("d/up", ".."), Link("out", "d/up/../x"), Link("d/a", "../d/up/../../x")],
        ),
        ("empty link", vec![Link("l", "")]),
        ("bomb", vec![File("zeros", 0o644, vec![0; 64 * 1024 * 1024])]),
        (
            "too deep",
            vec![file(
                "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/x",
            )],
        ),
        ("nothing", vec![]),
    ];
    for (what, entries) in cases {
        let (_folder, result) = result_of(&zip_of(&entries));
        assert!(result.is_err(), "{what}");
    }
}

#[test]
fn damaged_and_doubled_zips_are_refused() {
    assert!(result_of(b"no zip at all").1.is_err());
    let good = zip_of(&[file("a"), file("b")]);
    assert!(result_of(&good[..good.len() / 2]).1.is_err());
    // Two entries of one name, which no honest writer makes: "b" renamed "a".
    let doubled: Vec<u8> = good.iter().map(|byte| if *byte == b'b' { b'a' } else { *byte }).collect();
    assert!(result_of(&doubled).1.is_err());
}

#[test]
fn good_packages_keep_links_folders_and_execute_bits() {
    let entries = [
        File("bootstrap", 0o755, b"#!/bin/sh".to_vec()),
        File("lib/data.txt", 0o600, b"data".to_vec()),
        Folder("empty/"),
        Link("lib/link", "data.txt"),
        Link("current", "./lib"),
        File("console.py", 0o644, b"1".to_vec()),
        File("small-but-regular", 0o644, vec![0; 500_000]),
    ];
    let (outer, result) = result_of(&zip_of(&entries));
    result.expect("it unpacks");
    let root = outer.path().join("root");
    let mode = |name: &str| fs::metadata(root.join(name)).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode("bootstrap"), mode("lib/data.txt")), (0o755, 0o644));
    assert_eq!(fs::read_to_string(root.join("current/link")).expect("through both links"), "data");
    assert!(root.join("empty").is_dir());
}

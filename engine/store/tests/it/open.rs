//! What opening checks.

use std::path::Path;

use engine_store::{Error, Store, VERSION};

use crate::fixture::{Folder, events, header};

fn with(folder: &Folder, bytes: &[u8]) -> std::path::PathBuf {
    let file = folder.file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, bytes).unwrap();
    file
}

/// Every message names the file.
fn names(error: &Error, file: &Path) {
    assert!(error.to_string().contains(&*file.to_string_lossy()), "{error}");
}

#[test]
fn a_new_file_is_made_with_its_folders_and_opened_again() {
    let folder = Folder::new();
    drop(folder.store());
    let store = folder.store();
    let health = store.check().unwrap();
    assert!(health.is_ok(), "{health:?}");
    assert_eq!((health.version, health.runs), (VERSION, 0));
}

#[test]
fn many_can_open_a_new_file_at_once() {
    let folder = Folder::new();
    let file = folder.file();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Store::open(&file).unwrap());
        }
    });
    assert!(folder.store().check().unwrap().is_ok());
}

#[test]
fn reading_makes_no_file() {
    let folder = Folder::new();
    let error = Store::open_readonly(folder.file()).unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error}");
    assert!(!folder.file().exists());
}

#[test]
fn a_newer_version_is_refused_with_both_versions() {
    let folder = Folder::new();
    drop(folder.store());
    let connection = rusqlite::Connection::open(folder.file()).unwrap();
    connection.pragma_update(None, "user_version", VERSION + 7).unwrap();
    drop(connection);
    for error in [Store::open(folder.file()).unwrap_err(), Store::open_readonly(folder.file()).unwrap_err()] {
        assert!(
            matches!(error, Error::NewerVersion { found, supported, .. } if found == VERSION + 7 && supported == VERSION)
        );
        names(&error, &folder.file());
    }
}

#[test]
fn an_older_version_is_not_migrated_by_reading() {
    let folder = Folder::new();
    drop(folder.store());
    let connection = rusqlite::Connection::open(folder.file()).unwrap();
    connection.pragma_update(None, "user_version", VERSION - 1).unwrap();
    drop(connection);
    let error = Store::open_readonly(folder.file()).unwrap_err();
    assert!(matches!(error, Error::OlderVersion { .. }), "{error}");
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    for bytes in [&b"hello"[..], &[0; 4096], b"SQLite format 3", &[0xff; 100]] {
        let folder = Folder::new();
        let file = with(&folder, bytes);
        for error in [Store::open(&file).unwrap_err(), Store::open_readonly(&file).unwrap_err()] {
            assert!(matches!(error, Error::NotADatabase { .. }), "{error}");
            names(&error, &file);
        }
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
    }
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let folder = Folder::new();
    let file = with(&folder, b"");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.execute_batch("CREATE TABLE birds (name TEXT); INSERT INTO birds VALUES ('wren')").unwrap();
    drop(connection);
    let before = std::fs::read(&file).unwrap();
    for error in [Store::open(&file).unwrap_err(), Store::open_readonly(&file).unwrap_err()] {
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn a_folder_is_no_store() {
    let folder = Folder::new();
    let error = Store::open(folder.temp.path()).unwrap_err();
    assert!(error.to_string().contains("is not a file"), "{error}");
}

#[test]
fn a_truncated_file_is_told_at_once() {
    let folder = Folder::new();
    let mut store = folder.store();
    store.apply(&events(&header("quick", 1), 1, 200)).unwrap();
    drop(store);
    let whole = std::fs::read(folder.file()).unwrap();
    assert!(whole.len() > 3 * 4096);
    for length in [whole.len() - 1, whole.len() - 4096, 4096, 5000, 512, 100] {
        std::fs::write(folder.file(), &whole[..length]).unwrap();
        for error in [Store::open(folder.file()).unwrap_err(), Store::open_readonly(folder.file()).unwrap_err()] {
            assert!(matches!(error, Error::Damaged { .. }), "{length}: {error}");
            names(&error, &folder.file());
        }
    }
    std::fs::write(folder.file(), &whole[..99]).unwrap();
    assert!(matches!(Store::open(folder.file()).unwrap_err(), Error::NotADatabase { .. }));
}

#[test]
fn damage_within_is_an_error_and_no_panic() {
    let folder = Folder::new();
    let mut store = folder.store();
    let events = events(&header("quick", 1), 1, 300);
    store.apply(&events).unwrap();
    drop(store);
    let whole = std::fs::read(folder.file()).unwrap();
    let mut told = 0;
    for page in 1..whole.len() / 4096 {
        let mut bytes = whole.clone();
        bytes[page * 4096..(page + 1) * 4096].fill(0xa5);
        std::fs::write(folder.file(), &bytes).unwrap();
        let result = Store::open(folder.file()).and_then(|store| {
            store.list(&engine_store::Filter::default())?;
            store.run(&events[0].run)?;
            let health = store.check()?;
            assert!(!health.is_ok(), "page {page} is damaged and nothing says so");
            Ok(())
        });
        told += usize::from(result.is_err());
    }
    assert!(told > 0, "no page that matters was damaged");
}

use engine_core::run::RunState;

use super::*;
use crate::Store;
use crate::fixture::{Folder, fold, header, run};

/// What a later version may add.
const NEXT: &str =
    "ALTER TABLE runs ADD COLUMN cost REAL; CREATE TABLE extra (a INTEGER) STRICT; INSERT INTO extra VALUES (7)";

fn later() -> Vec<&'static str> {
    MIGRATIONS.iter().copied().chain([NEXT]).collect()
}

fn version(connection: &Connection) -> i64 {
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn a_migration_keeps_the_runs_and_a_copy_of_the_file() {
    let folder = Folder::new();
    let mut store = folder.store();
    let events = run(&header("quick", 1), &[1.0, 2.0]);
    store.apply(&events).unwrap();
    let copy = migrate(&mut store.connection, &folder.file(), &later()).unwrap().unwrap();
    assert_eq!(version(&store.connection), VERSION + 1);
    assert_eq!(store.run(&events[0].run).unwrap(), fold(&events));
    let extra: i64 = store.connection.query_row("SELECT a FROM extra", [], |row| row.get(0)).unwrap();
    assert_eq!(extra, 7);
    assert_eq!(copy.file_name().unwrap().to_str().unwrap(), format!("performance.db.v{VERSION}.bak"));
    let old = Store::open(&copy).unwrap();
    assert_eq!(old.run(&events[0].run).unwrap(), fold(&events), "the copy is a whole store of the old version");
    assert_eq!(migrate(&mut store.connection, &folder.file(), &later()).unwrap(), None, "once is enough");
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let folder = Folder::new();
    let mut store = folder.store();
    let events = run(&header("quick", 1), &[1.0, 2.0]);
    store.apply(&events).unwrap();
    let broken: Vec<_> =
        MIGRATIONS.iter().copied().chain([NEXT, "DROP TABLE samples; SELECT no_such_function()"]).collect();
    assert!(migrate(&mut store.connection, &folder.file(), &broken).is_err());
    assert_eq!(version(&store.connection), VERSION);
    drop(store);
    let record = folder.store().run(&events[0].run).unwrap();
    assert_eq!((record.state, &record), (RunState::Complete, &fold(&events)));
    assert!(folder.store().connection.prepare("SELECT * FROM extra").is_err(), "no step of it stays");
}

#[test]
fn a_second_copy_takes_another_name() {
    let folder = Folder::new();
    let store = folder.store();
    let first = copy_before(&store.connection, &folder.file(), 1).unwrap();
    let second = copy_before(&store.connection, &folder.file(), 1).unwrap();
    assert_ne!(first, second);
    assert!(matches!(copy_to(&store.connection, &folder.file(), &first), Err(Error::Exists { .. })));
}

#[test]
fn a_new_file_needs_no_copy() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.file().parent().unwrap()).unwrap();
    let mut connection = Connection::open(folder.file()).unwrap();
    assert_eq!(migrate(&mut connection, &folder.file(), &later()).unwrap(), None);
    assert_eq!(version(&connection), VERSION + 1);
    let error = migrate(&mut connection, &folder.file(), MIGRATIONS).unwrap_err();
    assert!(matches!(error, Error::NewerVersion { .. }), "{error}");
}

#[test]
fn baselines_of_the_first_version_are_kept_with_their_runs() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.file().parent().unwrap()).unwrap();
    let mut connection = Connection::open(folder.file()).unwrap();
    connection.pragma_update(None, "foreign_keys", true).unwrap();
    migrate(&mut connection, &folder.file(), &MIGRATIONS[..1]).unwrap();
    connection
        .execute_batch(
            "INSERT INTO runs VALUES (7, 'r7', 'quick', 's', 'h', 'default', 0, 'complete', '{\"level\":\"valid\",\"reasons\":[]}',
                 5, 1.0, 'c', NULL, 0, 1, 'm1', 'k', '{}', '0.1.0', '1', 1, NULL, 1);
             INSERT INTO baselines VALUES (3, 'main', 'quick', 'm1', NULL, 9, 'ann', 'why', 1);
             INSERT INTO baselines VALUES (4, 'main', 'quick', 'm2', 'topic', 9, 'ann', 'why', 0);
             INSERT INTO baseline_runs VALUES (3, 7), (4, 7);",
        )
        .unwrap();
    drop(connection);
    let mut store = folder.store();
    assert_eq!(version(&store.connection), VERSION);
    let found = store.baselines().unwrap();
    let facts: Vec<_> = found.iter().map(|one| (one.branch.as_deref(), one.protected, one.run().0.as_str())).collect();
    assert_eq!(facts, [(None, true, "r7"), (Some("topic"), false, "r7")]);
    assert!(store.check().unwrap().is_ok(), "every reference holds");
    store.remove_baseline("main", None, None).unwrap();
    let left: i64 = store.connection.query_row("SELECT count(*) FROM baseline_runs", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0, "the runs of a baseline go with it");
}

#[test]
fn a_store_of_the_first_version_gets_what_loads_need() {
    use engine_core::event::Event;
    let folder = Folder::new();
    std::fs::create_dir_all(folder.file().parent().unwrap()).unwrap();
    let events = run(&header("quick", 1), &[1.0, 2.0]);
    {
        // As the first version left it: its tables, and a run without the later column.
        let mut connection = Connection::open(folder.file()).unwrap();
        migrate(&mut connection, &folder.file(), &MIGRATIONS[..1]).unwrap();
        let header = &match &events[0].event {
            Event::RunStarted(header) => header.clone(),
            other => panic!("{other:?}"),
        };
        connection
            .execute(
                "INSERT INTO runs VALUES (1, ?1, 's', 'f', 'h', 'default', 0, 'complete', '{\"level\":\"valid\",\"reasons\":[]}',
                 0, 2.0, NULL, NULL, NULL, NULL, 'm', 'c', '{}', 'e', '1', 9, NULL, 0)",
                [&header.id.0],
            )
            .unwrap();
        let text = serde_json::to_string(header).unwrap();
        connection.execute("INSERT INTO headers VALUES (1, ?1, NULL)", [&text]).unwrap();
        connection
            .execute_batch(
                "INSERT INTO series VALUES (1, 's', 'fsync', 'time', '{}', 's', 'lower', 'cost');
                 INSERT INTO measurements VALUES (1, 1, 2, 1, '{}');
                 INSERT INTO rounds VALUES (1, 1, 2, 0, 0, 0.0, 0.5, '[]', 0);
                 INSERT INTO samples VALUES (1, 1, 1, 1.0, x'000000000000f03f');",
            )
            .unwrap();
        assert_eq!(version(&connection), 1);
    }
    let mut store = folder.store();
    assert_eq!(version(&store.connection), VERSION);
    assert!(folder.file().with_file_name("performance.db.v1.bak").exists(), "a copy is kept");
    let old = store.run(&events[0].run).unwrap();
    let round = &old.steps[2].measurements[0].rounds[0];
    assert_eq!((round.values.as_slice(), &round.histogram), (&[1.0][..], &None));
    assert!(old.steps.iter().all(|step| step.windows.is_empty()));
    // And takes a load.
    let events = crate::fixture::events(&header("load", 2), 3, 80);
    store.apply(&events).unwrap();
    let record = store.run(&events[0].run).unwrap();
    assert_eq!(record, fold(&events));
    assert!(record.steps.iter().any(|step| !step.windows.is_empty()));
}

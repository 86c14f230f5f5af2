//! Stores whose process is really killed in the middle of a put, or whose disk is really full: at most that put is lost.
//!
//! The child is this program again: it runs the one test that does nothing unless it is asked to be the child.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use engine_htm::Sdr;
use engine_htm::store::{PatternStore, StoreError};

const BITS: u32 = 2_048;
const CHILD: &str = "STORE_CRASH_CHILD";

fn pattern(key: u64) -> Sdr {
    let on =
        (0..41_u64).map(|at| ((key * 2_654_435_761 + at * at * 40_503 + at * 97) % u64::from(BITS)) as u32).collect();
    Sdr::new(BITS, on).expect("inside")
}

/// A value that is long enough for a kill to come while it is written, and says of which key and try it is.
fn value(key: u64, round: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![(key * 31 + round * 7) as u8; length];
    bytes[..8].copy_from_slice(&key.to_le_bytes());
    bytes[8..16].copy_from_slice(&round.to_le_bytes());
    bytes
}

/// The child: puts for ever, and says after each what it put. Ends with the first error, which it says too.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let words: Vec<&str> = task.split('\n').collect();
    let (path, round, length): (_, u64, usize) =
        (words[0], words[1].parse().expect("a number"), words[2].parse().expect("a number"));
    let mut store = PatternStore::open(path).expect("the parent made it");
    let mut out = std::io::stdout();
    for key in (0..50).cycle() {
        match store.put(key, &pattern(key), &value(key, round, length)) {
            Ok(_) => writeln!(out, "put {key}").expect("the parent listens"),
            Err(error) => {
                assert!(matches!(error, StoreError::Io { .. }), "{error}");
                // What is there can still be read, and a smaller put may fit.
                assert!(store.keys().all(|key| store.get(key).is_some()));
                let small = store.put(1_000, &pattern(1_000), b"small").is_ok();
                writeln!(out, "failed {small} {error}").expect("the parent listens");
                return;
            }
        }
    }
}

fn start(path: &Path, round: u64, length: usize, before: &str) -> Child {
    let own = std::env::current_exe().expect("a program has a name");
    Command::new("sh")
        .args(["-c", &format!("{before} exec \"$0\" child --exact --nocapture --test-threads=1")])
        .arg(own)
        .env(CHILD, format!("{}\n{round}\n{length}", path.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell")
}

/// What the store must hold: for each key the length and the round of the value that was answered last.
type Answered = BTreeMap<u64, (u64, usize)>;

/// Whether the store holds all that was answered, and at most one put more.
fn check(store: &PatternStore, answered: &Answered, next: (u64, u64, usize)) -> bool {
    let mut more = 0;
    for key in store.keys() {
        let stored = store.get(key).expect("it has the key");
        assert_eq!(stored.sdr, pattern(key));
        if answered.get(&key).is_none_or(|&(round, length)| stored.value != value(key, round, length)) {
            assert_eq!(key, next.0, "only the put that was under way may be there beside what was answered");
            assert_eq!(stored.value, value(key, next.1, next.2));
            more += 1;
        }
    }
    assert!(answered.keys().all(|&key| store.contains(key)), "everything that was answered is there");
    assert!(more <= 1);
    more == 1
}

#[test]
fn a_process_killed_in_the_middle_of_puts_loses_at_most_the_last() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let path = folder.path().join("store");
    drop(PatternStore::create(&path, BITS).expect("a new file"));
    let mut answered = Answered::new();
    let (mut torn, mut unanswered) = (0, 0);
    for round in 0..18_u64 {
        // Long values take the kernel a while to copy: that is where a kill tears.
        let length = if round % 3 == 0 { 64 } else { 4 << 20 };
        let mut child = start(&path, round, length, "");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut next = 0;
        let mut take = |line: &str, answered: &mut Answered| {
            if let Some(key) = line.rsplit_once("put ").and_then(|(_, key)| key.parse().ok()) {
                answered.insert(key, (round, length));
                next = (key + 1) % 50;
                return true;
            }
            false
        };
        let mut puts = 0;
        while puts < 1 + round % 4 {
            let line = lines.next().expect("the child lives").expect("text");
            puts += u64::from(take(&line, &mut answered));
        }
        child.kill().expect("it is ours");
        // What it said before it died counts as answered.
        for line in lines.map_while(Result::ok) {
            take(&line, &mut answered);
        }
        child.wait().expect("it is ours");
        let mut store = PatternStore::open(&path).expect("what a kill leaves opens");
        unanswered += u64::from(check(&store, &answered, (next, round, length)));
        if let Some(found) = store.torn() {
            assert_eq!(found.kept, None, "what a kill leaves is the beginning of a put, no damage");
            torn += 1;
        }
        if let Some(stored) = store.get(next) {
            let kept: u64 = u64::from_le_bytes(stored.value[8..16].try_into().expect("eight bytes"));
            answered.insert(next, (kept, stored.value.len()));
        }
        if store.file_size() > 64 << 20 {
            store.compact().expect("there is room");
        }
    }
    println!("{torn} of 18 kills left the beginning of a put, {unanswered} a whole one that was not answered yet");
}

#[test]
fn a_full_disk_fails_a_put_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let path = folder.path().join("store");
    drop(PatternStore::create(&path, BITS).expect("a new file"));
    // No file may grow beyond 4,096 blocks of 512 bytes; without the signal, the write fails in its middle.
    let mut child = start(&path, 1, 300_000, "trap '' XFSZ; ulimit -f 4096;");
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    let lines: Vec<String> = out.lines().map_while(Result::ok).collect();
    child.wait().expect("it is ours");
    let failed = lines.iter().find(|line| line.contains("failed")).expect("the limit was reached");
    assert!(failed.contains("failed true"), "a smaller put fits: {failed}");
    assert!(failed.contains("cannot write") && failed.contains("nothing stored before is lost"), "{failed}");
    let puts = lines.iter().filter(|line| line.contains("put ")).count() as u64;
    let store = PatternStore::open(&path).expect("the file is sound");
    assert_eq!(store.torn(), None, "the half-written put was taken back");
    assert_eq!(store.len() as u64, puts + 1);
    assert_eq!(store.get(1_000).expect("it fitted").value, b"small");
    for key in 0..puts {
        assert_eq!(store.get(key).expect("it was answered").value, value(key, 1, 300_000));
    }
}

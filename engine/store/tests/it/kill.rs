//! A writing process is killed at random moments. Afterwards the file is whole, at most the last second is lost, and
//! the run is there as partial.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use engine_core::event::{Envelope, Event};
use engine_core::run::{RunState, ValidityLevel};
use engine_core::stats::Stream;
use engine_store::{Filter, Store, Writer};

use crate::fixture::{Folder, event, fold, header};

const FILE: &str = "ENGINE_STORE_TEST_KILL";
const SEED: &str = "ENGINE_STORE_TEST_SEED";
/// How often it is killed, when not 20 times.
const KILLS: &str = "ENGINE_STORE_KILLS";

/// The promise, in seconds.
const LOST: f64 = 1.0;

/// The event of a sequence number; its contents do not depend on when it is sent.
fn envelope(seed: u64, sequence: u64, at: f64) -> Envelope {
    let header = header("quick", seed);
    let run = header.id.clone();
    let event = match sequence {
        1 => Event::RunStarted(Box::new(header)),
        _ => match event(&mut Stream::new(seed, &[sequence]), at) {
            // Every second run has nothing that is stored at once: there the batches decide what is lost.
            Event::StepFinished { .. } | Event::Judged(_) if seed % 2 == 1 => Event::StepStarted { step: 0 },
            event => event,
        },
    };
    Envelope { run, source: "engine".to_owned(), sequence, at, event }
}

/// Not a test of its own: the process that is killed. Says of each event that it is about to be sent.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let seed = std::env::var(SEED).unwrap().parse().unwrap();
    let writer = Writer::start(Store::open(file).unwrap()).unwrap();
    let mut out = std::io::stdout().lock();
    let start = Instant::now();
    for sequence in 1.. {
        let at = start.elapsed().as_secs_f64();
        let envelope = envelope(seed, sequence, at);
        out.write_all(format!("sent {sequence} {}\n", at.to_bits()).as_bytes()).unwrap();
        out.flush().unwrap();
        writer.send(&envelope);
        let next = Duration::from_micros(1000 * sequence);
        std::thread::sleep(next.saturating_sub(start.elapsed()));
    }
}

/// Starts a writer, kills it `life` after its first word, and gives what it said: the time of each event, in order.
fn killed(folder: &Folder, seed: u64, life: Duration) -> Vec<f64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child_that_writes_until_it_is_killed", "--nocapture"])
        .envs([(FILE, folder.file().into_os_string()), (SEED, seed.to_string().into())])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (tell, began) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        // The test harness talks too; a last line may be cut.
        let sent = lines.map_while(Result::ok).filter_map(|line| {
            let (_, said) = line.split_once("sent ")?;
            let (sequence, at) = said.split_once(' ')?;
            Some((sequence.parse::<usize>().ok()?, f64::from_bits(at.parse().ok()?)))
        });
        let mut times = Vec::new();
        for (sequence, at) in sent {
            assert_eq!(sequence, times.len() + 1);
            times.push(at);
            // Only the first is waited for.
            let _ = tell.send(());
        }
        times
    });
    // How long a process takes to begin is the machine's affair; an error means that it never did, which shows below.
    let _ = began.recv();
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn a_killed_writer_loses_at_most_the_last_second() {
    let kills = std::env::var(KILLS).map_or(20, |kills| kills.parse().unwrap());
    let folder = Folder::new();
    drop(folder.store());
    let mut random = Stream::new(20_261, &[]);
    let (mut stored, mut worst) = (Vec::new(), 0.0_f64);
    for seed in 0..kills {
        let life = Duration::from_micros(random.below(1_400_000));
        let sent = killed(&folder, seed, life);
        // As it was left: read before anyone writes to it.
        let reader = Store::open_readonly(folder.file()).unwrap();
        let health = reader.check().unwrap();
        assert!(health.is_ok(), "{health:?}");
        drop(reader);
        let id = header("quick", seed).id;
        let store = folder.store();
        let lost = match store.run(&id) {
            // Killed before the start of the run was on the disk.
            Err(_) => sent.last().copied().unwrap_or(0.0),
            Ok(record) => {
                let kept = usize::try_from(record.sequence).unwrap();
                let events: Vec<_> = sent[..kept].iter().zip(1..).map(|(at, n)| envelope(seed, n, *at)).collect();
                let mut expected = fold(&events);
                assert_eq!(record.state, RunState::Partial);
                assert_eq!(record.validity.level, ValidityLevel::Degraded);
                (expected.state, expected.validity) = (record.state, record.validity.clone());
                assert_eq!(record, expected, "everything before the last commit, and nothing else");
                stored.push((id, record));
                sent.last().unwrap() - sent[kept - 1]
            }
        };
        assert!(lost <= LOST, "kill {seed} after {life:?} lost {lost} s");
        worst = worst.max(lost);
    }
    println!("{} of {kills} runs had begun; at most {worst:.3} s were lost", stored.len());
    assert!(stored.len() as u64 > kills / 2, "most processes must have lived long enough to begin");
    let store = folder.store();
    let rows = store.list(&Filter::default()).unwrap();
    assert_eq!(rows.len(), stored.len());
    assert!(rows.iter().all(|row| row.state == RunState::Partial));
    for (id, record) in &stored {
        assert_eq!(store.run(id).unwrap(), *record, "later kills changed no earlier run");
    }
}

use super::source::Source;
use super::*;
use crate::harness::Buffer;
use crate::storage::queue::{Done, Queue, Request};
use crate::storage::stamp::{UNIT, WORDS, make};
use std::collections::VecDeque;

const KEY: u64 = 77;

fn plan(pattern: Pattern) -> Plan {
    Plan {
        pattern,
        block: 4096,
        blocks: 64,
        depth: 4,
        batch: 4,
        jobs: 1,
        pages: Pages::System,
        ramp: Duration::from_millis(1),
        window: Duration::from_millis(4),
        windows: 5,
        most: 5,
        rate: None,
        seed: 5,
        key: Some(KEY),
        whole_process: false,
    }
}

/// A device of memory: every request ends at the next turn, unless it stalls.
struct Fake {
    buffers: Buffer,
    waiting: VecDeque<Request>,
    turns: u32,
    /// From which turn on it stalls, once, and how long.
    stall: Option<(u32, Duration)>,
    /// Brings the block after the one that was asked for.
    off_by_one: bool,
}

impl Fake {
    fn new(plan: &Plan) -> Self {
        let bytes = plan.shape().buffers as usize * plan.block as usize;
        let buffers = Buffer::map(bytes, Pages::System, u64::MAX).unwrap();
        Self { buffers, waiting: VecDeque::new(), turns: 0, stall: None, off_by_one: false }
    }
}

impl Queue for Fake {
    fn push(&mut self, request: Request) -> io::Result<()> {
        self.waiting.push_back(request);
        Ok(())
    }

    fn submit(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn turn(&mut self, _: u32, most: u32, done: &mut Vec<Done>) -> io::Result<()> {
        self.turns += 1;
        if let Some((from, length)) = self.stall.filter(|(from, _)| self.turns >= *from) {
            let _ = from;
            self.stall = None;
            std::thread::sleep(length);
        }
        for _ in 0..most {
            let Some(request) = self.waiting.pop_front() else { break };
            if request.kind == Kind::Read {
                let unit = self.buffers.slice_mut(request.buffer as usize * UNIT, WORDS);
                make(unit, KEY, request.offset / UNIT as u64 + u64::from(self.off_by_one));
            }
            done.push(Done { slot: request.slot, result: 4096 });
        }
        Ok(())
    }

    fn under_way(&self) -> usize {
        self.waiting.len()
    }

    fn buffers(&mut self) -> &mut Buffer {
        &mut self.buffers
    }
}

fn go_on() -> bool {
    false
}

#[test]
fn a_closed_loop_counts_each_end_once() {
    for pattern in [Pattern::Read, Pattern::RandRead, Pattern::RandRw, Pattern::RandWrite, Pattern::Write] {
        // On a machine that does something else for all of the 20 ms, little or nothing ends in them: longer windows then.
        let mut plan = plan(pattern);
        let tally = loop {
            let tally = run_queued(&plan, &|| Ok(Fake::new(&plan)), &go_on).unwrap();
            assert_eq!(tally.counts.len(), 5);
            assert_eq!(tally.reads.count() + tally.writes.count(), tally.ended());
            assert!((tally.seconds() - 5.0 * plan.window.as_secs_f64()).abs() < 1e-9);
            if tally.ended() > 100 {
                break tally;
            }
            plan.window *= 2;
        };
        assert_eq!(tally.writes.is_empty(), !pattern.writes());
        assert_eq!(tally.reads.is_empty(), matches!(pattern, Pattern::Write | Pattern::RandWrite));
        assert!(tally.written.iter().all(|block| *block < 64) && tally.written.is_empty() != pattern.writes());
    }
}

#[test]
fn jobs_add_up() {
    let plan = Plan { jobs: 3, ..plan(Pattern::RandRead) };
    let tally = run_queued(&plan, &|| Ok(Fake::new(&plan)), &go_on).unwrap();
    assert_eq!(tally.reads.count(), tally.ended());
    assert_eq!(tally.counts.len(), 5, "the windows are the same for all");
}

#[test]
fn another_block_than_was_asked_for_is_noticed() {
    let plan = plan(Pattern::RandRead);
    let wrong = || Ok(Fake { off_by_one: true, ..Fake::new(&plan) });
    assert!(matches!(run_queued(&plan, &wrong, &go_on), Err(LoadError::Wrong { .. })));
}

#[test]
fn a_stall_is_charged_to_all_that_were_due_in_it() {
    let stalled = Duration::from_millis(40);
    let base = Plan { depth: 8, batch: 8, window: Duration::from_millis(20), ..plan(Pattern::RandRead) };
    let fake = |plan: &Plan| Ok(Fake { stall: Some((20, stalled)), ..Fake::new(plan) });
    let late = |tally: &Tally| tally.reads.count() - tally.reads.count_at_most(10_000_000);
    // Open: of 5000 a second, 200 are due while nothing ends, and all but the last 50 of them wait for 10 ms or more.
    let open = Plan { rate: Some(5_000.0), ..base };
    let tally = run_queued(&open, &|| fake(&open), &go_on).unwrap();
    assert!(late(&tally) >= 140, "{} of {}", late(&tally), tally.reads.count());
    // 5000 a second for a tenth of a second, each of them once, whatever the machine did meanwhile.
    assert_eq!((tally.reads.count(), tally.missed, tally.reads.censored_count()), (500, 0, 0));
    // Closed: the few that were under way, and what this machine itself does to others.
    let closed = run_queued(&base, &|| fake(&base), &go_on).unwrap();
    assert!(closed.reads.max().unwrap() >= 40_000_000 || closed.reads.count() == 0);
}

#[test]
fn what_is_never_reached_counts_with_its_age() {
    // No slot ever becomes free again before the time is up.
    struct Stuck(Fake);
    impl Queue for Stuck {
        fn push(&mut self, request: Request) -> io::Result<()> {
            self.0.push(request)
        }
        fn submit(&mut self) -> io::Result<()> {
            Ok(())
        }
        fn turn(&mut self, wait: u32, most: u32, done: &mut Vec<Done>) -> io::Result<()> {
            if wait > 0 { self.0.turn(wait, most, done) } else { Ok(()) }
        }
        fn under_way(&self) -> usize {
            self.0.under_way()
        }
        fn buffers(&mut self) -> &mut Buffer {
            self.0.buffers()
        }
    }
    let plan = Plan { rate: Some(1_000.0), ramp: Duration::ZERO, ..plan(Pattern::RandRead) };
    let tally = run_queued(&plan, &|| Ok(Stuck(Fake::new(&plan))), &go_on).unwrap();
    // Twenty were due in 20 ms: four had a slot, sixteen never began.
    assert_eq!((tally.reads.censored_count(), tally.missed, tally.ended()), (20, 16, 0));
    assert!(tally.reads.min().unwrap() >= 900_000_000);
}

#[test]
fn an_interruption_ends_all_jobs() {
    let plan =
        Plan { jobs: 2, window: Duration::from_secs(60), ramp: Duration::from_millis(1), ..plan(Pattern::RandRead) };
    let tally = run_queued(&plan, &|| Ok(Fake::new(&plan)), &|| true).unwrap();
    assert!(tally.stopped);
}

#[test]
fn a_job_that_cannot_start_fails_the_load_and_hangs_nobody() {
    use std::sync::atomic::AtomicBool;
    let plan = Plan { jobs: 3, ..plan(Pattern::RandRead) };
    let first = AtomicBool::new(true);
    let open = || match first.swap(false, Ordering::Relaxed) {
        true => Err(io::Error::from_raw_os_error(libc::ENOMEM)),
        false => Ok(Fake::new(&plan)),
    };
    assert!(matches!(run_queued(&plan, &open, &go_on), Err(LoadError::SetUp { .. })));
}

#[test]
fn a_steady_load_ends_and_counts_its_last_windows() {
    let plan = Plan { most: 50, ..plan(Pattern::RandRead) };
    let tally = run_queued(&plan, &|| Ok(Fake::new(&plan)), &go_on).unwrap();
    assert_eq!(tally.counts.len(), 5);
    assert_eq!(tally.reads.count(), tally.ended(), "what came before is forgotten");
}

#[test]
fn drift_is_the_change_along_a_line() {
    assert_eq!(drift(&[100; 10]), 0.0);
    assert!((drift(&[90, 100, 110]) - 0.2).abs() < 1e-12);
    assert!((drift(&[110, 100, 90]) + 0.2).abs() < 1e-12);
    assert_eq!((drift(&[]), drift(&[5, 9]), drift(&[0; 5])), (0.0, 0.0, 0.0));
}

#[test]
fn sequential_jobs_share_the_file_and_go_round() {
    let plan = Plan { jobs: 2, blocks: 7, ..plan(Pattern::Read) };
    let mut seen = [Vec::new(), Vec::new()];
    for (job, seen) in (0..).zip(&mut seen) {
        let mut source = Source::new(&plan, job);
        seen.extend((0..5).map(|_| source.next().1));
    }
    assert_eq!(seen, [vec![0, 1, 2, 0, 1], vec![3, 4, 5, 6, 3]]);
    let mut mixed = Source::new(&Plan { blocks: 64, ..self::plan(Pattern::RandRw) }, 0);
    let writes = (0..10_000).filter(|_| mixed.next().0 == Kind::Write).count();
    assert!((2_800..3_200).contains(&writes), "{writes}");
}

#[test]
fn a_tag_is_of_its_round() {
    let plan = plan(Pattern::Write);
    let other = Plan { seed: 6, ..plan };
    let tag = plan.tag(63, 1023);
    assert!(plan.is_tag(tag) && !other.is_tag(tag) && !plan.is_tag(0) && tag != plan.tag(63, 1022));
}

use engine_core::stats::{Stream, quantile};

use super::*;
use crate::simulated::{Queue, limit};

/// A target with a service level: a quantile of its responses below a time.
struct Target {
    queue: Queue,
    level: (f64, f64),
    seconds: f64,
    drains: bool,
    /// Share of trials that a moment of the machine spoils.
    hiccups: f64,
    stream: Stream,
    /// Whether verdicts come from an interval over tenths of the trial, or from the value.
    interval: bool,
}

impl Target {
    fn new(seed: u64, queue: Queue, level: (f64, f64), seconds: f64) -> Self {
        let stream = Stream::new(seed, &[9]);
        Self { queue, level, seconds, drains: true, hiccups: 0.0, stream, interval: false }
    }
}

impl Trial for Target {
    fn run(&mut self, rate: f64) -> Verdict {
        let seen = self.queue.send(rate, self.seconds);
        if self.stream.unit_f64() < self.hiccups {
            return Verdict::Missed;
        }
        let (q, most) = self.level;
        let of = |part: &[f64]| quantile::quantile(&quantile::sorted(part), q);
        let verdict = if self.interval {
            let parts: Vec<f64> = seen.responses.chunks(seen.responses.len().div_ceil(10)).map(of).collect();
            let mean = parts.iter().sum::<f64>() / parts.len() as f64;
            let variance = parts.iter().map(|part| (part - mean).powi(2)).sum::<f64>() / (parts.len() - 1) as f64;
            let error = 2.26 * (variance / parts.len() as f64).sqrt();
            match most {
                most if mean + error <= most => Verdict::Met,
                most if mean - error > most => Verdict::Missed,
                _ => Verdict::Unsure,
            }
        } else if of(&seen.responses) <= most {
            Verdict::Met
        } else {
            Verdict::Missed
        };
        verdict.kept_up(seen.started, seen.ended)
    }

    fn drain(&mut self) -> Result<(), String> {
        if self.drains {
            self.queue.drain();
        }
        Ok(())
    }
}

const SEARCH: Search = Search { from: 10.0, to: 100_000.0, precision: 0.02, most: 60 };

/// Middle of the bracket over the truth.
fn error(found: &Capacity, truth: f64) -> f64 {
    let (Some(low), Some(high)) = (found.low, found.high) else { panic!("no bracket: {found:?}") };
    (low * high).sqrt() / truth - 1.0
}

#[test]
fn the_limit_of_a_queue_is_found_within_three_percent() {
    // (servers, mean service, trial): p95 below eight services. Erlang's formula has the limit.
    for (servers, mean, seconds) in [(1, 0.01, 600.0), (4, 0.02, 300.0), (16, 0.01, 60.0)] {
        let level = (0.95, 8.0 * mean);
        let truth = limit(servers, mean, level.0, level.1);
        let mut errors = Vec::new();
        for seed in 0..20 {
            let mut target = Target::new(seed, Queue::new(seed, servers, mean, true), level, seconds);
            let found = capacity(&SEARCH, &mut target);
            assert!(matches!(found.limit, LimitedBy::Target), "{}", found.in_words());
            let (low, high) = (found.low.unwrap(), found.high.unwrap());
            assert!(high / low <= 1.02 + 1e-9 && found.trials.len() <= 40, "{found:?}");
            errors.push(error(&found, truth).abs());
        }
        let far = errors.iter().filter(|error| **error > 0.03).count();
        assert!(far <= 1, "{servers} servers, truth {truth}: {errors:?}");
    }
}

#[test]
fn a_constant_target_is_found_exactly_and_beyond_its_peak_it_degrades() {
    // Four servers of 10 ms carry 400/s and not one more; with 50 waiting, each service takes twice as long.
    for thrashes in [false, true] {
        let queue = Queue::new(1, 4, 0.01, false);
        let queue = if thrashes { queue.thrashing(50) } else { queue };
        let found = capacity(&SEARCH, &mut Target::new(1, queue, (0.99, 0.05), 30.0));
        assert!(found.low.unwrap() <= 400.0 * 1.02 && found.high.unwrap() >= 400.0, "{found:?}");
        assert!(error(&found, 400.0).abs() < 0.02, "{found:?}");
    }
}

#[test]
fn without_draining_the_answer_is_wrong() {
    let at = |drains| {
        let queue = Queue::new(1, 4, 0.01, false).thrashing(50);
        let mut target = Target::new(1, queue, (0.99, 0.05), 30.0);
        target.drains = drains;
        capacity(&SEARCH, &mut target)
    };
    assert!(error(&at(true), 400.0).abs() < 0.02);
    let inherited = at(false);
    assert!(inherited.low.unwrap() < 390.0, "what the overload left behind must spoil the next trials: {inherited:?}");
}

#[test]
fn a_spoilt_trial_does_not_decide() {
    let mut far = 0;
    for seed in 0..40 {
        let mut target = Target::new(seed, Queue::new(seed, 4, 0.01, false), (0.99, 0.05), 10.0);
        target.hiccups = 0.1;
        let found = capacity(&SEARCH, &mut target);
        far += usize::from(error(&found, 400.0).abs() > 0.03);
    }
    assert!(far <= 2, "{far} of 40 were led astray by one spoilt trial in ten");
}

#[test]
fn unsure_trials_count_neither_way() {
    let level = (0.95, 0.08);
    let truth = limit(4, 0.02, level.0, level.1);
    // Near the limit trials of this length are unsure half of the time.
    let mut unsure = 0;
    for seed in 0..10 {
        let mut target = Target::new(seed, Queue::new(seed, 4, 0.02, true), level, 120.0);
        target.interval = true;
        let found = capacity(&SEARCH, &mut target);
        let (low, high) = (found.low.unwrap(), found.high.unwrap());
        assert!(low <= truth * 1.06 && high >= truth * 0.94, "{seed}: {} truth {truth}", found.in_words());
        unsure += usize::from(found.limit == LimitedBy::Unsure);
    }
    assert!(unsure >= 1, "a grey zone wider than the precision must be told");
    // A target of which nothing is ever sure.
    struct Never;
    impl Trial for Never {
        fn run(&mut self, _: f64) -> Verdict {
            Verdict::Unsure
        }
        fn drain(&mut self) -> Result<(), String> {
            Ok(())
        }
    }
    let found = capacity(&SEARCH, &mut Never);
    assert!(found.low.is_none() && found.high.is_none(), "{found:?}");
}

/// Answers by a rule, and counts.
struct Rule<F>(F, Vec<f64>);

impl<F: FnMut(f64) -> Verdict> Trial for Rule<F> {
    fn run(&mut self, rate: f64) -> Verdict {
        self.1.push(rate);
        self.0(rate)
    }
    fn drain(&mut self) -> Result<(), String> {
        Ok(())
    }
}

fn below(limit: f64) -> impl FnMut(f64) -> Verdict {
    move |rate| if rate <= limit { Verdict::Met } else { Verdict::Missed }
}

#[test]
fn the_limit_of_the_generator_is_not_that_of_the_target() {
    let reason = || Verdict::Generator("its threads used all of their CPU".to_owned());
    let mut target = Rule(move |rate| if rate <= 3000.0 { Verdict::Met } else { reason() }, Vec::new());
    let found = capacity(&SEARCH, &mut target);
    assert!(matches!(&found.limit, LimitedBy::Generator(reason) if reason.contains("CPU")), "{found:?}");
    assert!((found.low.unwrap() / 3000.0 - 1.0).abs() < 0.02 && found.high.is_none(), "{found:?}");
    // Of a target that is slower than the generator, the target's is found.
    let mut slow = below(2000.0);
    let mut target = Rule(move |rate| if rate <= 3000.0 { slow(rate) } else { reason() }, Vec::new());
    let found = capacity(&SEARCH, &mut target);
    assert!(found.limit == LimitedBy::Target && error(&found, 2000.0).abs() < 0.02, "{found:?}");
    // One moment of weakness does not count.
    let mut weak = 1;
    let mut rule = below(500.0);
    let mut target = Rule(
        move |rate| {
            weak -= 1;
            if weak == 0 { reason() } else { rule(rate) }
        },
        Vec::new(),
    );
    assert_eq!(capacity(&SEARCH, &mut target).limit, LimitedBy::Target);
    let found = capacity(&SEARCH, &mut Rule(move |_| reason(), Vec::new()));
    assert!(matches!(found.limit, LimitedBy::Generator(_)) && found.low.is_none());
}

#[test]
fn the_ends_of_what_may_be_tried_are_told() {
    let search = Search { to: 1000.0, ..SEARCH };
    let mut target = Rule(below(1e9), Vec::new());
    let found = capacity(&search, &mut target);
    assert_eq!((found.limit.clone(), found.low, found.high), (LimitedBy::Max, Some(1000.0), None));
    assert!(target.1.iter().all(|rate| *rate <= 1000.0) && target.1.len() <= 9, "{:?}", target.1);
    let found = capacity(&search, &mut Rule(below(1.0), Vec::new()));
    assert_eq!((found.limit, found.low, found.high), (LimitedBy::Start, None, Some(10.0)));
    let found = capacity(&Search { most: 5, ..SEARCH }, &mut Rule(below(77.0), Vec::new()));
    assert_eq!((found.limit.clone(), found.trials.len()), (LimitedBy::Trials, 5), "{found:?}");
    let mut left = 4;
    let mut rule = below(77.0);
    let mut target = Rule(
        move |rate| {
            left -= 1;
            if left == 0 { Verdict::Ended("interrupted".to_owned()) } else { rule(rate) }
        },
        Vec::new(),
    );
    let found = capacity(&SEARCH, &mut target);
    assert!(matches!(&found.limit, LimitedBy::Ended(why) if why == "interrupted") && found.low == Some(40.0));
}

#[test]
fn few_trials_are_made() {
    // Climb to 16,384 (11 trials and one to confirm), then 6 halvings to 2 %, some of them twice, and both ends again.
    for limit in [11.0, 333.0, 9000.0, 15_000.0] {
        let mut target = Rule(below(limit), Vec::new());
        let found = capacity(&SEARCH, &mut target);
        assert!(error(&found, limit).abs() < 0.02 && target.1.len() <= 28, "{limit}: {} {found:?}", target.1.len());
    }
}

#[test]
fn a_target_that_falls_behind_missed_the_level() {
    assert_eq!(Verdict::Met.kept_up(10_000, 9_500), Verdict::Missed);
    assert_eq!(Verdict::Met.kept_up(10_000, 9_950), Verdict::Met);
    assert_eq!(Verdict::Met.kept_up(100, 95), Verdict::Met, "chance");
    assert_eq!(Verdict::Unsure.kept_up(100, 0), Verdict::Unsure);
}

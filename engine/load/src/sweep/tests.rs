use std::cmp::Reverse;
use std::collections::BinaryHeap;

use engine_core::stats::Stream;

use super::*;
use crate::simulated::{Time, closed};

/// Users that think, then queue for one of `c` servers; all times exponential, on a clock that is a number.
struct Closed {
    stream: Stream,
    c: usize,
    mean: f64,
    think: f64,
    clock: f64,
    /// Ends of thought (true) and of service (false), each with the moment at which its request was sent.
    events: BinaryHeap<Reverse<(Time, bool, Time)>>,
    waiting: std::collections::VecDeque<f64>,
    busy: usize,
    users: usize,
    held: Vec<(f64, f64)>,
}

impl Closed {
    fn new(seed: u64, c: usize, mean: f64, think: f64) -> Self {
        Self {
            stream: Stream::new(seed, &[]),
            c,
            mean,
            think,
            clock: 0.0,
            events: BinaryHeap::new(),
            waiting: std::collections::VecDeque::new(),
            busy: 0,
            users: 0,
            held: Vec::new(),
        }
    }

    fn think(&mut self, at: f64) {
        let end = at + self.think * self.stream.exponential();
        self.events.push(Reverse((Time(end), true, Time(0.0))));
    }

    fn serve(&mut self, at: f64, sent: f64) {
        self.busy += 1;
        let end = at + self.mean * self.stream.exponential();
        self.events.push(Reverse((Time(end), false, Time(sent))));
    }
}

impl Stage for Closed {
    fn hold(&mut self, level: f64, seconds: f64) -> Result<Vec<Window>, String> {
        self.held.push((level, seconds));
        while (self.users as f64) < level {
            self.users += 1;
            // All start at once, as a step of users does.
            self.events.push(Reverse((Time(self.clock), true, Time(0.0))));
        }
        let mut windows = Vec::new();
        for _ in 0..seconds.round() as usize {
            let until = self.clock + 1.0;
            let (mut ended, mut waited, mut area, mut last) = (0.0, 0.0, 0.0, self.clock);
            while let Some(Reverse((Time(at), thought, Time(sent)))) = self.events.peek().copied()
                && at < until
            {
                self.events.pop();
                area += (self.busy + self.waiting.len()) as f64 * (at - last);
                last = at;
                if thought {
                    if self.busy < self.c { self.serve(at, at) } else { self.waiting.push_back(at) }
                } else {
                    self.busy -= 1;
                    (ended, waited) = (ended + 1.0, waited + at - sent);
                    self.think(at);
                    if let Some(next) = self.waiting.pop_front() {
                        self.serve(at, next);
                    }
                }
            }
            area += (self.busy + self.waiting.len()) as f64 * (until - last);
            self.clock = until;
            windows.push(Window { seconds: 1.0, rate: ended, response: waited / ended, inside: area });
        }
        Ok(windows)
    }

    fn drain(&mut self) -> Result<(), String> {
        self.events.clear();
        self.waiting.clear();
        (self.busy, self.users) = (0, 0);
        Ok(())
    }
}

#[test]
fn throughput_and_response_agree_with_theory_at_every_level() {
    // Four servers of 20 ms, users that think 1 s: at most 200/s, with the corner at 204 users.
    let plan = Sweep { levels: vec![10.0, 50.0, 100.0, 200.0, 300.0, 500.0], hold: 60.0, most: 600.0 };
    let swept = sweep(&plan, &mut Closed::new(3, 4, 0.02, 1.0));
    assert!(swept.ended.is_none() && swept.levels.len() == 6);
    for level in &swept.levels {
        let (rate, response) = closed(level.level as usize, 4, 0.02, 1.0);
        assert!(level.steady, "{} users never became steady", level.level);
        assert!((level.rate / rate - 1.0).abs() < 0.05, "{} users: {} {rate}", level.level, level.rate);
        assert!((level.response / response - 1.0).abs() < 0.15, "{}: {} {response}", level.level, level.response);
        // Little's law, for what is inside.
        assert!((level.inside / (level.rate * level.response) - 1.0).abs() < 0.05, "{level:?}");
        assert_eq!(level.parts.len(), 5);
        let mean = level.parts.iter().sum::<f64>() / 5.0;
        assert!((mean / level.rate - 1.0).abs() < 0.05);
    }
    assert_eq!(swept.points().len(), 30);
}

/// Gives windows by a rule on the second that they begin at.
struct Scripted<F>(F, f64);

impl<F: FnMut(f64, f64) -> Window> Stage for Scripted<F> {
    fn hold(&mut self, level: f64, seconds: f64) -> Result<Vec<Window>, String> {
        let windows = (0..seconds as usize).map(|i| (self.0)(level, self.1 + i as f64)).collect();
        self.1 += seconds;
        Ok(windows)
    }
    fn drain(&mut self) -> Result<(), String> {
        self.1 = 0.0;
        Ok(())
    }
}

fn window(rate: f64) -> Window {
    Window { seconds: 1.0, rate, response: 0.01, inside: rate * 0.01 }
}

#[test]
fn a_level_that_is_not_steady_is_held_longer_and_told() {
    let plan = Sweep { levels: vec![1.0, 2.0], hold: 20.0, most: 100.0 };
    // Level 1 warms up for 30 s; level 2 grows for ever.
    let rule = |level: f64, at: f64| window(if level < 1.5 { 100.0 * (at / 30.0).min(1.0) + 1.0 } else { 10.0 + at });
    let swept = sweep(&plan, &mut Scripted(rule, 0.0));
    let [warm, growing] = swept.levels.as_slice() else { panic!("{swept:?}") };
    assert!(warm.steady && (warm.rate - 101.0).abs() < 1.5, "{} {}", warm.rate, warm.warmup);
    assert!(warm.windows.len() > 20 && warm.windows.len() < 100, "{}", warm.windows.len());
    assert!(!growing.steady && growing.windows.len() == 100, "{growing:?}");
    assert!(swept.points().iter().all(|(level, _)| *level < 1.5), "what is not steady is no point of a law");
}

#[test]
fn what_ends_a_sweep_keeps_what_was_held() {
    struct Dies(u32);
    impl Stage for Dies {
        fn hold(&mut self, _: f64, seconds: f64) -> Result<Vec<Window>, String> {
            self.0 += 1;
            if self.0 > 2 { Err("interrupted".to_owned()) } else { Ok(vec![window(50.0); seconds as usize]) }
        }
        fn drain(&mut self) -> Result<(), String> {
            Ok(())
        }
    }
    let plan = Sweep { levels: vec![1.0, 2.0, 3.0, 4.0], hold: 20.0, most: 20.0 };
    let swept = sweep(&plan, &mut Dies(0));
    assert_eq!((swept.levels.len(), swept.ended.as_deref()), (2, Some("interrupted")));
    struct Stuck;
    impl Stage for Stuck {
        fn hold(&mut self, _: f64, seconds: f64) -> Result<Vec<Window>, String> {
            Ok(vec![window(50.0); seconds as usize])
        }
        fn drain(&mut self) -> Result<(), String> {
            Err("7 requests are still open".to_owned())
        }
    }
    let swept = sweep(&plan, &mut Stuck);
    assert_eq!((swept.levels.len(), swept.ended.is_some()), (1, true));
}

#[test]
fn short_levels_are_summed_all_the_same() {
    let plan = Sweep { levels: vec![1.0], hold: 3.0, most: 3.0 };
    let swept = sweep(&plan, &mut Scripted(|_, _| window(5.0), 0.0));
    let level = &swept.levels[0];
    assert!(!level.steady && level.rate == 5.0 && level.windows.len() == 3, "{level:?}");
}

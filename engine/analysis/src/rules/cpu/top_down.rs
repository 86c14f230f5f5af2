//! Which part of the processor's pipeline a program waits for: level 1 of Top-Down (A. Yasin, ISPASS 2014) from the processor's own
//! counters. Where these have no slots, the cycles in which the front or the back of the pipeline stood still take their place: these
//! overlap with work, and with each other.
//!
//! A share of the slots is an upper bound of what removing its cause can bring, no more: what takes its place takes slots too.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "cpu.top_down",
        title: "The pipeline of the processor waits",
        looks_at: "counters of a program: the largest of `backend_bound` (at least `backend`), `frontend_bound` (at least `frontend`) and `bad_speculation` (at least `speculation`); without them `backend_stalls` and `frontend_stalls` over `cycles`",
        needs: "a program of yours with its counters, `bench(.., command([..], #{ counters: true }))`, on a machine that has them (`engine doctor`)",
        model: "Top-Down, an upper bound only: unknown, with the bound that Amdahl's law sets if the whole share went",
        effort: Effort::Hours,
        wrong_when: "another program shares the core (SMT), or most of the time is in the kernel, which is not counted",
        limits: &[
            LimitDef::new("backend", 0.4, Unit::Ratio, "slots or cycles that wait for data or units"),
            LimitDef::new("frontend", 0.25, Unit::Ratio, "slots or cycles that wait for instructions"),
            LimitDef::new("speculation", 0.15, Unit::Ratio, "slots of work that is thrown away"),
        ],
    },
    check,
};

/// A part of the pipeline: its limit, its share of the slots and what stands for it without them, the misses that go with it, what that
/// means, and what to do.
struct Part {
    limit: &'static str,
    slots: &'static str,
    stalls: Option<&'static str>,
    misses: Option<(&'static str, &'static str)>,
    why: &'static str,
    action: &'static str,
    resource: Resource,
}

static PARTS: [Part; 3] = [
    Part {
        limit: "backend",
        slots: "backend_bound",
        stalls: Some("backend_stalls"),
        misses: Some(("cache_misses", "misses of the last cache")),
        why: "wait for data from caches and memory, or for a busy unit",
        action: "`perf stat --topdown PROGRAM`, `perf mem record PROGRAM`: if data are late, smaller types, loops in the order of memory, blocks that fit a cache; if a chain of operations is, several sums at once; divisions out of the loop",
        resource: Resource::Memory,
    },
    Part {
        limit: "frontend",
        slots: "frontend_bound",
        stalls: Some("frontend_stalls"),
        misses: None,
        why: "wait for instructions: the hot code is larger than the caches of instructions, or jumps much",
        action: "profile-guided optimisation and less code in the hot path: `cargo pgo optimize`, `opt-level = 2`, `#[cold]` on errors, fewer generic copies; `perf record -e L1-icache-load-misses PROGRAM` names the functions",
        resource: Resource::Cpu,
    },
    Part {
        limit: "speculation",
        slots: "bad_speculation",
        stalls: None,
        misses: Some(("branch_misses", "wrong guesses")),
        why: "did work that was thrown away, as a branch was guessed wrongly",
        action: "sort or partition the data before the loop, or write the branch as arithmetic (`min`, masks, `select`); `perf record -e branch-misses PROGRAM` names the branches",
        resource: Resource::Cpu,
    },
];

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let walls = facts.all("tool.command", "wall");
    if walls.is_empty() {
        return Err(Missing::of("no program was run"));
    }
    let (mut drafts, mut asked, mut counted) = (Vec::new(), false, false);
    for wall in &walls {
        counted |= beside(facts, wall, "cycles").is_some();
        let found = PARTS.iter().filter_map(|part| Some((part, share(facts, wall, part)?)));
        let found: Vec<(&Part, Share)> = found.collect();
        asked |= !found.is_empty();
        let above = found.into_iter().filter(|(part, share)| share.range.value >= limits.of(part.limit));
        let Some((part, share)) = above.max_by(|a, b| a.1.range.value.total_cmp(&b.1.range.value)) else { continue };
        drafts.push(draft(facts, limits, wall, part, &share));
    }
    match (asked, counted) {
        (true, _) => Ok(Draft::strongest(drafts)),
        (false, true) => {
            Err(Missing::of("this processor counts neither slots of its pipeline nor cycles in which it stood still"))
        }
        (false, false) => Err(Missing::of(
            "no counters of the processor for a program: they were not asked for, or refused (a note of the step says why)",
        )),
    }
}

/// The share of a part, what it is a share of, and the numbers that it is from.
struct Share {
    range: Range,
    of: &'static str,
    from: Vec<Seen>,
}

fn share(facts: &Facts<'_>, wall: &Seen, part: &Part) -> Option<Share> {
    if let Some(slots) = beside(facts, wall, part.slots) {
        return Some(Share { range: slots.range().within(0.0, 1.0), of: "slots of the pipeline", from: vec![slots] });
    }
    let (stalls, cycles) = (beside(facts, wall, part.stalls?)?, beside(facts, wall, "cycles")?);
    let range = stalls.range().over(cycles.range()).within(0.0, 1.0);
    Some(Share { range, of: "cycles", from: vec![stalls, cycles] })
}

fn draft(facts: &Facts<'_>, limits: &Limits<'_>, wall: &Seen, part: &Part, share: &Share) -> Draft {
    let mut draft = Draft::new(&wall.step, part.resource).on(&share.from.iter().collect::<Vec<_>>());
    let source = share.from.iter().map(|seen| seen.source.as_str()).collect::<Vec<_>>().join(" / ");
    draft = draft.shown(derived(source, facts.id(), share.range, Unit::Ratio, limits.at_least(part.limit)));
    let mut beyond = String::new();
    // What goes with it, where it was counted.
    if let (Some(done), Some(cycles)) = (beside(facts, wall, "instructions"), beside(facts, wall, "cycles")) {
        beyond = format!("; {} instructions a cycle", Unit::Count.format(done.value / cycles.value));
        if let Some((metric, what)) = part.misses
            && let Some(misses) = beside(facts, wall, metric)
        {
            let thousand = Unit::Count.format(1000.0 * misses.value / done.value);
            beyond = format!("{beyond}, {thousand} {what} in a thousand");
            draft = draft.on(&[&misses]);
        }
    }
    let cause = format!("{} of the {} {}{beyond}", Unit::Ratio.format(share.range.value), share.of, part.why);
    let bounded = if share.of == "cycles" {
        "cycles that stood still overlap with work"
    } else {
        "what takes their place takes slots too"
    };
    draft
        .cause(cause)
        .action(part.action)
        .fit(0.7, "a share of the pipeline is an upper bound, not a gain")
        .gain(bound("the program", share.range, &format!("Top-Down, an upper bound: {bounded}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;
    use engine_core::finding::{Finding, Gain, Level};

    fn counts(values: &[(&str, f64)]) -> Made {
        let all = values.iter().map(|(name, value)| {
            let share = ["retiring", "bad_speculation", "frontend_bound", "backend_bound"].contains(name);
            m(name, if share { Unit::Ratio } else { Unit::Count }, *value)
        });
        let wall = m("wall", Unit::Seconds, 1.0);
        Made::new().command("", &std::iter::once(wall).chain(all).collect::<Vec<_>>())
    }

    fn shares(front: f64, speculation: f64, back: f64) -> Made {
        counts(&[
            ("cycles", 4.0e9),
            ("instructions", 2.4e9),
            ("branch_misses", 1.2e7),
            ("cache_misses", 2.4e7),
            ("retiring", 1.0 - front - speculation - back),
            ("bad_speculation", speculation),
            ("frontend_bound", front),
            ("backend_bound", back),
        ])
    }

    /// The bound in the text: that of Amdahl's law.
    fn most(found: &Finding) -> String {
        match &found.gain {
            Gain::Unknown { reason } => reason.clone(),
            Gain::Modelled(gain) => panic!("an upper bound is no gain: {gain:?}"),
        }
    }

    #[test]
    fn the_largest_part_above_its_limit_is_named() {
        // A walk over memory: 70 % of the slots wait, so at most 1 / 0.3 = 3.33 times as fast; 0.6 instructions a cycle, 10 misses
        // in a thousand.
        let found = fires(
            &RULE,
            shares(0.05, 0.05, 0.70),
            &[
                "70",
                "slots of the pipeline wait for data",
                "0.6",
                "10 misses of the last cache in a thousand",
                "perf mem",
            ],
        );
        assert!(most(&found).contains("3.33 times") && most(&found).contains("upper bound"), "{}", most(&found));
        assert_eq!((found.priority.level, found.priority.score), (Level::Low, 0.0));
        fires(&RULE, shares(0.35, 0.05, 0.2), &["35", "wait for instructions", "cargo pgo"]);
        fires(&RULE, shares(0.1, 0.30, 0.2), &["30", "thrown away", "5 wrong guesses in a thousand"]);
    }

    #[test]
    fn a_pipeline_that_works_is_left_alone() {
        quiet(&RULE, shares(0.24, 0.14, 0.39));
        lacking(&RULE);
        // Counters that are refused: the program was run, and nothing is guessed.
        let refused = ask(&RULE, &counts(&[]).record()).expect_err("not assessed");
        assert!(refused.contains("refused"), "{refused}");
        let bare = ask(&RULE, &counts(&[("cycles", 1e9), ("instructions", 2e9)]).record()).expect_err("not assessed");
        assert!(bare.contains("neither slots"), "{bare}");
    }

    #[test]
    fn cycles_that_stood_still_stand_for_slots() {
        // An AMD processor: no slots. 60 % of the cycles with a stalled back end: at most 2.5 times.
        let stalls = |back: f64| {
            counts(&[("cycles", 1e9), ("instructions", 8e8), ("frontend_stalls", 1e8), ("backend_stalls", back * 1e9)])
        };
        let found = fires(&RULE, stalls(0.6), &["60", "of the cycles wait for data", "0.8"]);
        assert!(most(&found).contains("2.50 times") && most(&found).contains("overlap"), "{}", most(&found));
        quiet(&RULE, stalls(0.39));
    }
}

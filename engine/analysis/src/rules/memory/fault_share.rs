//! Page faults of a program times what one costs here: the share of its time in which it gets memory it has just
//! asked for.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.fault_share",
        title: "The program keeps asking for fresh memory",
        looks_at: "`page_faults` of a program times `memory.page_fault.latency` and `release` (where the run has it: what is got is given back, at the end at the latest), at least `share` of its `wall`",
        needs: "a program of yours and `memory.page_fault` in one run",
        model: "overhead share: faults x measured cost of a page, got and given back, over wall time",
        effort: Effort::Hours,
        wrong_when: "the program reads files by mapping them: then faults are its reads",
        limits: &[LimitDef::new("share", 0.05, Unit::Ratio, "time in faults over wall time")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let fault = facts.seen("memory.page_fault", "latency", &[])?;
    let release = facts.seen("memory.page_fault", "release", &[]).ok();
    let page = release.as_ref().map_or_else(|| fault.range(), |release| both(fault.range(), release.range()));
    let walls = facts.all("tool.command", "wall");
    if walls.is_empty() {
        return Err(Missing::of("no program was run"));
    }
    let faults = facts.all("tool.command", "page_faults");
    let mut drafts = Vec::new();
    for wall in walls {
        let Some(count) = faults.iter().find(|seen| seen.step == wall.step) else { continue };
        let own = own_time(facts, &wall);
        let share = count.range().times(page).over(own.range()).within(0.0, 0.95);
        if share.value < limits.of("share") {
            continue;
        }
        let cost =
            if release.is_some() { "page_faults x (latency + release) / wall" } else { "page_faults x latency / wall" };
        let mut inputs = vec![count.input("faults"), fault.input("latency"), own.input("wall")];
        inputs.extend(release.as_ref().map(|release| release.input("release")));
        let mut draft = Draft::new(&wall.step, Resource::Memory).on(&[count, &fault, &own]);
        if let Some(release) = &release {
            draft = draft.on(&[release]);
        }
        drafts.push(
            draft
                .shown(derived(cost, facts.id(), share, Unit::Ratio, limits.at_least("share")))
                .cause(format!("{} page faults of {} each are {} of the time{}", count.text(), Unit::Seconds.format(page.value), Unit::Ratio.format(share.value), kept(facts, &wall, count)))
                .action("keep buffers and use them again (`clear()` and `with_capacity`), or use an allocator that keeps memory (`mimalloc`, MALLOC_TRIM_THRESHOLD_=-1 MALLOC_MMAP_THRESHOLD_=1073741824 with glibc); huge pages save 511 of 512")
                .fit(0.7, "some faults cannot be avoided")
                .gain(overhead("the program", share, cost, inputs)),
        );
    }
    Ok(Draft::strongest(drafts))
}

/// The sum of two costs.
fn both(one: Range, other: Range) -> Range {
    Range::new(one.value + other.value, one.low + other.low, one.high + other.high)
}

/// Whether the program keeps all that it gets, or gives it back and asks again.
fn kept(facts: &Facts<'_>, wall: &Seen, faults: &Seen) -> String {
    let Some(peak) = beside(facts, wall, "peak_memory") else { return String::new() };
    if peak.value >= 0.7 * 4096.0 * faults.value {
        format!(": its memory only grows, to {}, and nothing is used again", peak.text())
    } else {
        format!(": it gives memory back and asks again, with {} at most", peak.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(faults: f64) -> Made {
        Made::new()
            .probe("memory.page_fault", "", &[m("latency", Unit::Seconds, 1e-6)])
            .command("", &[m("wall", Unit::Seconds, 1.0), m("page_faults", Unit::Count, faults)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(200_000.0), &["200000 page faults", "20 %"]);
        let peak = |bytes| {
            [m("wall", Unit::Seconds, 1.0), m("page_faults", Unit::Count, 2e5), m("peak_memory", Unit::Bytes, bytes)]
        };
        let fault = || Made::new().probe("memory.page_fault", "", &[m("latency", Unit::Seconds, 1e-6)]);
        fires(&RULE, fault().command("", &peak(8.1e8)), &["only grows"]);
        fires(&RULE, fault().command("", &peak(1e7)), &["asks again"]);
        // With what giving a page back takes.
        let page = [m("latency", Unit::Seconds, 1e-6), m("release", Unit::Seconds, 5e-7)];
        let run_of = [m("wall", Unit::Seconds, 1.0), m("page_faults", Unit::Count, 2e5)];
        let found =
            fires(&RULE, Made::new().probe("memory.page_fault", "", &page).command("", &run_of), &["1.500 us", "30 %"]);
        assert!((found.gain.modelled().expect("a model").speedup.value - 1.0 / 0.7).abs() < 0.01);
        quiet(&RULE, run(40_000.0));
        lacking(&RULE);
    }
}

//! What options of io_uring bring together, from `storage.ablation`.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "storage.engine_options",
        title: "Requests are handed over in a slow way",
        looks_at: "`storage.ablation.rate`: the best row at least `ratio` times the first",
        needs: "`storage.ablation`: `engine run hardware --profile long`, or `engine run optimization`",
        model: "measured ratio of the rows",
        effort: Effort::Hours,
        wrong_when: "the device is slower than the way to it: then options bring nothing",
        limits: &[LimitDef::new("ratio", 1.15, Unit::Count, "best row over the plain one")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let rows: Vec<Seen> = facts.all("storage.ablation", "rate");
    let device = |seen: &&Seen| seen.labels.get("option") != Some("nop");
    let first = rows.iter().find(device).ok_or_else(|| Missing::of("no `rate` of `storage.ablation`"))?;
    let best = rows.iter().filter(device).max_by(|a, b| a.value.total_cmp(&b.value)).unwrap_or(first);
    let times = best.range().over(first.range());
    if times.value < limits.of("ratio") {
        return Ok(None);
    }
    let name = |seen: &Seen| seen.labels.get("option").unwrap_or("plain").to_owned();
    Ok(Some(
        Draft::new(&first.step, Resource::Storage)
            .on(&[first, best])
            .shown(derived("best row / first row", facts.id(), times, Unit::Count, limits.at_least("ratio")))
            .cause(format!(
                "reads reach {} with `{}` and {} with the options up to `{}`",
                first.text(),
                name(first),
                best.text(),
                name(best)
            ))
            .action(format!(
                "set up the ring with the options up to `{}` (`IORING_SETUP_*`, registered buffers and files)",
                name(best)
            ))
            .gain(ratio("reads of 4 KiB", first, best, Goal::Higher)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(best: f64) -> Made {
        let row = |option: &str, value| ml("rate", &format!("option={option}"), Unit::PerSecond, value);
        Made::new().probe("storage.ablation", "depth=32", &[row("buffered", 5e4), row("fixed", best), row("nop", 5e6)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(8e4), &["50000/s", "80000/s", "fixed"]);
        quiet(&RULE, run(5.5e4));
        lacking(&RULE);
    }
}

//! Pauses that come again and again: seconds in which the slowest request takes many times what is usual, at even
//! distances. Measured from the intended start, so that requests that were due in a pause count.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "service.pauses",
        title: "The service stands still at even distances",
        looks_at: "at least three seconds of a load whose slowest response is at least `ratio` times the usual, at distances that vary by at most `even`",
        needs: "a load of 30 seconds or more: `engine run load`",
        model: "overhead share: what responses in these seconds take beyond the usual, over all response time",
        effort: Effort::Days,
        wrong_when: "something else on the machine comes at these times (cron, backups)",
        limits: &[
            LimitDef::new("ratio", 10.0, Unit::Count, "slowest of the second over the usual median"),
            LimitDef::new("even", 0.3, Unit::Ratio, "variation of the distances"),
        ],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let (mut drafts, mut asked) = (Vec::new(), false);
    for load in facts.some_loads()? {
        let windows: Vec<_> = load.step.windows.iter().filter(|window| window.counts()).collect();
        let rows: Vec<(f64, f64, f64, f64, f64)> = windows
            .iter()
            .filter_map(|window| {
                let response = window.total()?.response.as_ref()?;
                let middle = match response.value_at_quantile(0.5)? {
                    engine_core::histogram::Percentile::At(nanos)
                    | engine_core::histogram::Percentile::Above(nanos) => nanos,
                };
                Some((
                    window.at,
                    middle as f64 / 1e9,
                    response.max()? as f64 / 1e9,
                    response.mean()? / 1e9,
                    response.count() as f64,
                ))
            })
            .collect();
        if rows.len() < 10 {
            continue;
        }
        asked = true;
        let usual = engine_core::stats::quantile::median(&rows.iter().map(|row| row.1).collect::<Vec<_>>());
        let stalled: Vec<_> = rows.iter().filter(|row| row.2 >= limits.of("ratio") * usual).collect();
        // Seconds that follow each other are one pause.
        let starts: Vec<f64> = stalled.iter().map(|row| row.0).fold(Vec::new(), |mut starts, at| {
            if starts.last().is_none_or(|last: &f64| at - last > 1.5) {
                starts.push(at);
            }
            starts
        });
        let gaps: Vec<f64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        if starts.len() < 3 || stalled.len() * 2 > rows.len() {
            continue;
        }
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt() / mean;
        if variation > limits.of("even") {
            continue;
        }
        let calm: Vec<f64> = rows.iter().filter(|row| row.2 < limits.of("ratio") * usual).map(|row| row.3).collect();
        let base = engine_core::stats::quantile::median(&calm);
        let extra: f64 = stalled.iter().map(|row| (row.3 - base).max(0.0) * row.4).sum();
        let all: f64 = rows.iter().map(|row| row.3 * row.4).sum();
        let share = Range::new(extra / all, 0.8 * extra / all, 1.2 * extra / all).within(0.0, 0.95);
        let longest = stalled.iter().map(|row| row.2).fold(0.0, f64::max);
        let response = load.seen("response", Stat::Percentile(99.0))?;
        drafts.push(
            Draft::new(load.path(), Resource::Serial)
                .on(&[&response])
                .shown(derived("slowest response / usual median", facts.id(), Range::exact(longest / usual), Unit::Count, limits.at_least("ratio")))
                .shown(derived("variation of the distances", facts.id(), Range::exact(variation), Unit::Ratio, limits.at_most("even")))
                .cause(format!("every {} the service stands still for up to {}, where half of the responses take {}", Unit::Seconds.format(mean), Unit::Seconds.format(longest), Unit::Seconds.format(usual)))
                .action("look for what comes at that distance: garbage collection (log it), flushes and checkpoints, cron, compaction; spread it out or do it beside the requests")
                .fit(0.8, "what comes at even distances may be outside of the service")
                .gain(overhead("a response", share, "time beyond the usual in these seconds over all response time", vec![response.input("p99")])),
        );
    }
    if asked { Ok(Draft::strongest(drafts)) } else { Err(Missing::of("no load has ten seconds of its course")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(pause: u64) -> Made {
        let windows = |record: &mut engine_core::run::RunRecord| {
            for (second, window) in record.steps[0].windows.iter_mut().enumerate() {
                let mut histogram = engine_core::histogram::Histogram::new();
                let slow = if second % 5 == 2 { pause } else { 1_000_000 };
                (0..100).for_each(|at| histogram.record(if at < 60 { 1_000_000 } else { slow }));
                window.rows[0].response = Some(histogram.into());
            }
        };
        Made::new().load("shop", &[times("response", &[(1e-3, 3000)])], &[100.0; 30]).changed(windows)
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(400_000_000), &["every 5 s", "400", "1 ms"]);
        quiet(&RULE, run(9_000_000));
        lacking(&RULE);
    }
}

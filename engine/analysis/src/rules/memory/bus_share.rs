//! Bandwidth against what the memory modules allow (transfers a second times eight bytes times channels), where the
//! machine tells.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.bus_share",
        title: "Memory stays far below its bus",
        looks_at: "`bus_share` of `memory.stream` with all threads, at most `share`",
        needs: "`memory.stream` on a machine whose memory modules are known (root): `sudo engine run optimization`",
        model: "roofline: the limit of the bus over what was reached; an upper bound",
        effort: Effort::Minutes,
        wrong_when: "few threads cannot fill the bus: one core has too few loads in flight",
        limits: &[LimitDef::new("share", 0.6, Unit::Ratio, "reached over the limit of the bus")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let shares = facts.all("memory.stream", "bus_share");
    let share = shares.iter().max_by(|a, b| a.value.total_cmp(&b.value));
    let share =
        share.ok_or_else(|| Missing::of("no `bus_share` of `memory.stream`: the memory modules are not known"))?;
    if share.value > limits.of("share") {
        return Ok(None);
    }
    let whole =
        Seen { value: 1.0, interval: None, ends: (1.0, 1.0), source: "the limit of the bus".into(), ..share.clone() };
    Ok(Some(
        Draft::new(&share.step, Resource::Memory)
            .rests(share)
            .shown(share.against(limits.at_most("share")))
            .cause(format!("memory reaches {} of what its bus allows", share.text()))
            .action("see that modules sit in different channels and run at their rated speed (EXPO or XMP in the firmware; `dmidecode -t memory`), and that huge pages are on")
            .fit(0.5, "no machine reaches all of its bus")
            .gain(roofline("work bound by memory bandwidth", share, &whole)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(share: f64) -> Made {
        Made::new().probe("memory.stream", "threads=all", &[m("bus_share", Unit::Ratio, share)])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(0.4), &["40 %"]);
        quiet(&RULE, run(0.75));
        lacking(&RULE);
    }
}

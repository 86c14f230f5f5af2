//! Memory modules on fewer channels than there are modules for.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "memory.missing_channel",
        title: "Memory modules share a channel",
        looks_at: "`memory.channels` of the environment less than `channels`, with at least one module",
        needs: "the list of memory modules, which needs root: `sudo engine run optimization`",
        model: "measured bandwidth times channels: an upper bound, for work bound by bandwidth",
        effort: Effort::Minutes,
        wrong_when: "the board has as many channels as are used",
        limits: &[LimitDef::new("channels", 2.0, Unit::Count, "channels that a machine should use")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let channels = f64::from(*facts.fact("memory.channels", &facts.environment().memory.channels)?);
    let modules = facts.fact("memory.dimms", &facts.environment().memory.dimms)?.len() as f64;
    if channels >= limits.of("channels") || modules < 1.0 {
        return Ok(None);
    }
    let evidence =
        derived("memory.channels", facts.id(), Range::exact(channels), Unit::Count, limits.at_most("channels"));
    let two = Range::new(2.0 / channels, 1.0, 2.0 / channels);
    let model = amdahl(
        "work bound by memory bandwidth",
        (Range::exact(0.999), "all of such work".to_owned()),
        (two, "two channels over those in use".to_owned()),
        vec![],
    );
    Ok(Some(
        Draft::new("memory", Resource::Memory)
            .shown(evidence)
            .shown(facts.word("memory.dimms", format!("{modules:.0} modules")))
            .cause(format!("{modules:.0} memory modules use {channels:.0} channel"))
            .action("put modules into slots of different channels as the board's manual says (usually the second and the fourth), or add one")
            .fit(0.7, "firmware names channels in many ways")
            .gain(model),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(channels: u32) -> Made {
        let module = engine_core::environment::Dimm {
            locator: "A1".into(),
            bank: "A".into(),
            size_bytes: 1 << 34,
            speed_mts: Some(4800),
            technology: "DDR5".into(),
        };
        Made::new().environment(|environment| {
            environment.memory.channels = engine_core::fact::Fact::Known(channels);
            environment.memory.dimms = engine_core::fact::Fact::Known(vec![module]);
        })
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(1), &["1 memory modules", "1 channel"]);
        quiet(&RULE, run(2));
        lacking(&RULE);
    }
}

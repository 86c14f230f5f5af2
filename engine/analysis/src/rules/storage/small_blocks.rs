//! Bytes a second by single random reads of 4 KiB against reads in order of 1 MiB: what larger requests are worth on
//! this device.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "storage.small_blocks",
        title: "Small requests leave bandwidth unused",
        looks_at: "`storage.randread.rate{depth=1}` against `storage.seqread.rate`, at least `ratio` times as much",
        needs: "both variants measured in one run: `engine run optimization`",
        model: "measured ratio of the two variants, each with its interval over rounds",
        effort: Effort::Hours,
        wrong_when: "only a few bytes are needed from each place: larger requests then read what nobody wants",
        limits: &[LimitDef::new("ratio", 2.0, Unit::Count, "how many times as good the better variant is")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let variants = Pair {
        slow: Side("storage.randread", "rate", &[("depth", "1")]),
        fast: Side("storage.seqread", "rate", &[]),
        goal: Goal::Higher,
        resource: Resource::Storage,
        of: "reading a lot",
        tried: false,
    };
    pair(facts, limits, &variants, |slow, fast, times| {
        let cause = format!("reads of 4 KiB one at a time bring {slow}, large ones in order {fast} ({times} times)");
        let action = "read and write in blocks of 128 KiB or more (`BufReader::with_capacity(1 << 20, file)`), and lay out together what is read together";
        (cause, action.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(slow: f64, fast: f64) -> Made {
        Made::new().probe("storage.randread", "depth=1", &[m("rate", Unit::BytesPerSecond, slow)]).probe(
            "storage.seqread",
            "",
            &[m("rate", Unit::BytesPerSecond, fast)],
        )
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(1e+09, 4e+09), &[&Unit::BytesPerSecond.format(1e+09), &Unit::BytesPerSecond.format(4e+09)]);
        quiet(&RULE, run(1e+09, 1.94e+09));
        lacking(&RULE);
    }
}

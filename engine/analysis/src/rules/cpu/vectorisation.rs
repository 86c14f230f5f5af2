//! What wide instructions are worth here: fused multiply-adds by instruction set, from `cpu.fma` with `isa: "each"`.
//! The widest is the ceiling of this machine.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "cpu.vectorisation",
        title: "Scalar code leaves most of the processor unused",
        looks_at: "`cpu.fma.rate` by `isa`: the best at least `ratio` times the scalar one",
        needs: "`cpu.fma` with `isa: \"each\"`: `engine run optimization`",
        model: "roofline: the ceiling of the widest instructions over what scalar ones reach; an upper bound",
        effort: Effort::Days,
        wrong_when: "the loop waits for memory and not for arithmetic, or cannot be vectorised",
        limits: &[LimitDef::new("ratio", 2.0, Unit::Count, "widest over scalar")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    let all = facts.all("cpu.fma", "rate");
    let alike =
        |a: &Seen, b: &Seen| ["threads", "precision"].iter().all(|name| a.labels.get(name) == b.labels.get(name));
    let scalar = all.iter().find(|seen| seen.labels.get("isa") == Some("scalar"));
    let scalar = scalar.ok_or_else(|| Missing::of("no `rate` of `cpu.fma`{isa=scalar}"))?;
    let best =
        all.iter().filter(|seen| alike(seen, scalar)).max_by(|a, b| a.value.total_cmp(&b.value)).unwrap_or(scalar);
    let times = best.range().over(scalar.range());
    if times.value < limits.of("ratio") {
        return Ok(None);
    }
    let isa = best.labels.get("isa").unwrap_or("the widest");
    Ok(Some(
        Draft::new(&scalar.step, Resource::Cpu)
            .on(&[scalar, best])
            .shown(derived("widest / scalar", facts.id(), times, Unit::Count, limits.at_least("ratio")))
            .cause(format!("scalar code reaches {}, {isa} {}", scalar.text(), best.text()))
            .action("RUSTFLAGS='-C target-cpu=native' cargo build --release, loops over slices with `chunks_exact`, and a look at the assembly (`cargo asm`) for `ymm` or `zmm`")
            .fit(0.5, "an upper bound: few loops are arithmetic alone")
            .gain(roofline("arithmetic that can be vectorised", scalar, best)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(best: f64) -> Made {
        let rates = [
            ml("rate", "isa=scalar", Unit::FlopsPerSecond, 16e9),
            ml("rate", "isa=avx512", Unit::FlopsPerSecond, best),
        ];
        Made::new().probe("cpu.fma", "isa=each, threads=1", &rates)
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        fires(&RULE, run(128e9), &["16 GFLOP/s", "128 GFLOP/s", "avx512"]);
        quiet(&RULE, run(30e9));
        lacking(&RULE);
    }
}

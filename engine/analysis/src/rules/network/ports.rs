//! Ports of a client that makes connections: each stays reserved for a minute after its end (TIME_WAIT), so that by
//! Little's law `rate x 60 s` of them are taken.

use crate::rules::prelude::*;

/// The rule.
pub(crate) static RULE: Rule = Rule {
    about: About {
        id: "network.ports",
        title: "Connections use up the ports",
        looks_at: "connections a second times 60 s, at least `share` of the 28,232 ports that Linux gives by default",
        needs: "a load: `engine run load`",
        model: "Little's law for the ports; the gain is unknown: at the limit connections fail, below it nothing is slower",
        effort: Effort::Minutes,
        wrong_when: "the range of ports is larger (`net.ipv4.ip_local_port_range`), there are several addresses, or the other side closes first",
        limits: &[LimitDef::new("share", 0.7, Unit::Ratio, "ports that are taken")],
    },
    check,
};

fn check(facts: &Facts<'_>, limits: &Limits<'_>) -> Checked {
    const PORTS: f64 = 28_232.0;
    const KEPT: f64 = 60.0;
    let mut drafts = Vec::new();
    for load in facts.some_loads()? {
        let Ok(count) = load.seen("connect", Stat::Count) else { continue };
        let Some((from, to)) = load.times() else { continue };
        let seconds = (to - from).max(1.0);
        let rate = count.value / seconds;
        let taken = Range::exact(rate * KEPT / PORTS);
        if taken.value < limits.of("share") {
            continue;
        }
        drafts.push(
            Draft::new(load.path(), Resource::Network)
                .on(&[&count])
                .shown(derived("connections a second x 60 s / 28232 ports", facts.id(), taken, Unit::Ratio, limits.at_least("share")))
                .cause(format!("{} new connections, each of which keeps its port for 60 s, take {} of the ports", Unit::PerSecond.format(rate), Unit::Ratio.format(taken.value)))
                .action("keep connections; else sysctl -w net.ipv4.ip_local_port_range='1024 65535' and net.ipv4.tcp_tw_reuse=1 (as root)")
                .gain(unknown("at the limit connections fail; below it nothing is slower")),
        );
    }
    Ok(Draft::strongest(drafts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;

    fn run(connections: u64) -> Made {
        Made::new().load("shop", &[times("connect", &[(1e-4, connections)])], &[100.0])
    }

    #[test]
    fn it_fires_on_a_clear_case_only() {
        // In five seconds: 600 a second x 60 s of 28232 ports.
        fires(&RULE, run(3000), &["600/s", "127.5 %"]);
        quiet(&RULE, run(1500));
        lacking(&RULE);
    }
}

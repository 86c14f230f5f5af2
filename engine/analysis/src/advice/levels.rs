//! Programs that a sweep ran at several levels: of threads, or of the size of their data.

use engine_core::quantity::Quantity;
use engine_core::series::Labels;

use super::{Facts, Missing, Seen};

/// A program at several levels; there are two or more.
pub(crate) struct Levels {
    /// The level and the wall time there, in the order of levels.
    pub(crate) walls: Vec<(f64, Seen)>,
}

/// The wall times of a program by a label that is a number or a size, in its order.
///
/// # Errors
/// When no program was run at two levels or more.
pub(crate) fn levels(facts: &Facts<'_>, label: &str) -> Result<Levels, Missing> {
    let level = |labels: &Labels| Some(labels.get(label)?.parse::<Quantity>().ok()?.value);
    let walls = facts.all("tool.command", "wall").into_iter();
    let mut walls: Vec<(f64, Seen)> = walls.filter_map(|wall| Some((level(&wall.labels)?, wall))).collect();
    walls.sort_by(|a, b| a.0.total_cmp(&b.0));
    match (walls.first(), walls.last()) {
        (Some(first), Some(last)) if first.0 < last.0 => Ok(Levels { walls }),
        _ => Err(Missing(format!("no program was run at two values of `{label}` or more"))),
    }
}

impl Levels {
    /// The lowest level.
    pub(crate) fn least(&self) -> &(f64, Seen) {
        &self.walls[0]
    }

    /// The highest level.
    pub(crate) fn most(&self) -> &(f64, Seen) {
        &self.walls[self.walls.len() - 1]
    }

    /// The highest level that is at most this, or the next above the lowest where all others exceed it: threads that
    /// compute can only run on processors, so that what more of them do says nothing about how the work can be shared.
    pub(crate) fn up_to(&self, most: f64) -> &(f64, Seen) {
        let above = |(level, _): &&(f64, Seen)| *level <= most && *level > self.least().0;
        self.walls.iter().rfind(above).unwrap_or_else(|| &self.walls[1])
    }
}

/// Another metric of the same step of a program.
pub(crate) fn beside(facts: &Facts<'_>, wall: &Seen, metric: &str) -> Option<Seen> {
    facts.all("tool.command", metric).into_iter().find(|seen| seen.step == wall.step)
}

/// Mean share of the time in which tasks waited for a processor from which on somebody else had them.
pub(crate) const CROWDED: f64 = 0.3;

/// The time that a program took by itself: its wall time; where tasks waited for a processor meanwhile, its CPU time, since the
/// rest is the time of others. Shares of a program's time are shares of this.
pub(crate) fn own_time(facts: &Facts<'_>, wall: &Seen) -> Seen {
    let crowded = facts.pressure_of(&wall.step, |sample| sample.pressure_cpu).is_some_and(|seen| seen.value >= CROWDED);
    let (user, system) = (beside(facts, wall, "user"), beside(facts, wall, "system"));
    let (Some(user), Some(system), true) = (user, system, crowded) else { return wall.clone() };
    if user.value + system.value >= wall.value {
        return wall.clone();
    }
    let (fast, slow) = (user.truth(), system.truth());
    Seen {
        source: format!("{} + {}", user.source, system.source),
        value: user.value + system.value,
        interval: Some(engine_core::stats::Interval::new(fast.low + slow.low, fast.high + slow.high)),
        ends: (user.ends.0 + system.ends.0, user.ends.1 + system.ends.1),
        ..wall.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::fixture::*;
    use engine_core::unit::Unit;

    #[test]
    fn levels_are_in_the_order_of_their_numbers() {
        let wall = |seconds| [m("wall", Unit::Seconds, seconds)];
        let run = Made::new()
            .command("threads=16", &wall(3.0))
            .command("threads=1", &wall(1.0))
            .command("threads=2", &wall(2.0))
            .command("data=64 MiB", &wall(5.0))
            .record();
        let facts = Facts::of(&run);
        let found = levels(&facts, "threads").expect("three levels");
        assert_eq!(found.walls.iter().map(|(level, _)| *level).collect::<Vec<_>>(), [1.0, 2.0, 16.0]);
        assert_eq!((found.up_to(2.0).0, found.up_to(1.0).0, found.most().0), (2.0, 2.0, 16.0));
        assert!(levels(&facts, "data").is_err(), "one level is no sweep");
    }

    #[test]
    fn where_others_had_the_processors_the_time_is_that_of_its_own() {
        let metrics = [m("wall", Unit::Seconds, 1.0), m("user", Unit::Seconds, 0.3), m("system", Unit::Seconds, 0.1)];
        let own = |pressure| {
            let run =
                Made::new().command("", &metrics).host(50, |sample| sample.pressure_cpu = Some(pressure)).record();
            let facts = Facts::of(&run);
            own_time(&facts, &facts.all("tool.command", "wall")[0]).value
        };
        assert!((own(0.1) - 1.0).abs() < 0.01 && (own(0.6) - 0.4).abs() < 0.01);
    }
}

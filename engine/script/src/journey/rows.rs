//! Rows of a file, and which of them a user gets: a function of seed, user and iteration, so that threads change nothing.

use std::rc::Rc;
use std::sync::Arc;

use engine_core::stats::Stream;
use engine_load::{ErrorClass, Failure};
use rhai::{Dynamic, Engine, ImmutableString, Map, Position};

use super::person::{Ended, Person, stage};
use crate::fault::{Fault, Raised};
use crate::host::Host;
use crate::table::Table;

/// How users draw rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Policy {
    /// One after the other over all users, from the start again at the end.
    #[default]
    InTurn,
    /// Each user its own, the same for all its iterations.
    PerUser,
    /// Any, for each iteration anew.
    Random,
    /// One after the other, each at most once.
    Once,
}

/// Rows of a file: a handle that is cheap to pass on.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    name: Rc<str>,
    /// Shared by all threads; counted within one, so that they do not meet at the counter.
    #[expect(clippy::redundant_allocation, reason = "the inner count is shared by all threads, the outer one by none")]
    table: Rc<Arc<Table>>,
    order: Option<Rc<Vec<u32>>>,
    policy: Policy,
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    data: Data,
    index: usize,
}

/// `user.data`.
#[derive(Debug, Clone)]
pub(crate) struct Drawn(Person);

impl Data {
    pub(crate) fn new(name: &str, table: Arc<Table>) -> Self {
        Self { name: name.into(), table: Rc::new(table), order: None, policy: Policy::InTurn }
    }

    fn with(&self, policy: Policy) -> Self {
        Self { policy, ..self.clone() }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// The row at a place of the order.
    fn at(&self, place: usize) -> Option<usize> {
        match &self.order {
            Some(order) => order.get(place).map(|index| *index as usize),
            None => Some(place).filter(|place| *place < self.len()),
        }
    }

    fn map(&self, place: i64) -> Option<Map> {
        self.table.map(self.at(usize::try_from(place).ok()?)?)
    }

    fn shuffled(&self, seed: u64) -> Self {
        let mut order: Vec<u32> = (0..u32::try_from(self.len()).unwrap_or(u32::MAX)).collect();
        Stream::new(seed, &[Stream::key_of("data"), Stream::key_of(&self.name)]).shuffle(&mut order);
        Self { order: Some(Rc::new(order)), ..self.clone() }
    }

    /// The row of a user's iteration; none when each was given once. `turn` counts iterations over all users.
    fn draw(&self, seed: u64, user: u64, iteration: u64, turn: u64) -> Option<usize> {
        let rows = self.len() as u64;
        if rows == 0 {
            return None;
        }
        let place = match self.policy {
            Policy::InTurn => turn % rows,
            Policy::PerUser => user % rows,
            Policy::Random => {
                let key = [Stream::key_of("data"), Stream::key_of(&self.name), user, iteration];
                Stream::new(seed, &key).below(rows)
            }
            Policy::Once => turn,
        };
        self.at(usize::try_from(place).ok()?)
    }
}

impl Row {
    fn get(&self, name: &str) -> Option<Dynamic> {
        self.data.table.cell(self.index, name)
    }
}

fn drawn(host: &Host, person: &Person, name: &str) -> Raised<Dynamic> {
    let stage = stage(host)?;
    let conditions = &stage.conditions;
    let Some(value) = conditions.data.get(name) else {
        let near = engine_core::nearest::hint(name, conditions.data.keys().map(rhai::Identifier::as_str));
        let fault = Fault::runtime("unknown-property", format!("the load has no data `{name}`{near}"));
        return Err(fault
            .help(format!("give it in the load's options: `data: #{{ {name}: data(\"file.csv\") }}`"))
            .boxed(Position::NONE));
    };
    let Some(data) = value.read_lock::<Data>() else { return Ok(value.clone()) };
    let (user, iteration) = (person.user.number(), person.user.iteration());
    let turn = if conditions.shared { iteration } else { user + iteration.saturating_mul(conditions.users) };
    match data.draw(person.user.seed(), user, iteration, turn) {
        Some(index) => Ok(Dynamic::from(Row { data: data.clone(), index })),
        None => {
            person.user.stop();
            let what = if data.len() == 0 { "has no rows" } else { "has no row left: each was given once" };
            Err(Ended::raise(Failure::new(ErrorClass::Journey, format!("`{}` {what}", data.name))))
        }
    }
}

fn no_such(row: &Row, name: &str) -> Fault {
    let names = row.data.table.names(row.index);
    let near = engine_core::nearest::hint(name, names.iter().map(String::as_str));
    let help = format!("its columns are `{}`", names.join("`, `"));
    Fault::runtime("unknown-property", format!("`{}` has no column `{name}`{near}", row.data.name)).help(help)
}

pub(crate) fn register(engine: &mut Engine, host: &Rc<Host>) {
    engine.register_type_with_name::<Data>("Data");
    engine.register_type_with_name::<Row>("Row");
    engine.register_type_with_name::<Drawn>("UserData");
    for (name, policy) in [("per_user", Policy::PerUser), ("random", Policy::Random), ("once", Policy::Once)] {
        engine.register_fn(name, move |data: &mut Data| data.with(policy));
    }
    let h = Rc::clone(host);
    engine.register_fn("shuffled", move |data: &mut Data| data.shuffled(h.options.seed));
    let count = |data: &mut Data| i64::try_from(data.len()).unwrap_or(i64::MAX);
    engine.register_fn("len", count);
    engine.register_get("len", count);
    engine.register_indexer_get(|data: &mut Data, index: i64| -> Raised<Map> {
        data.map(index).ok_or_else(|| {
            let message = format!("`{}` has {} rows and no row {index}", data.name, data.len());
            Fault::runtime("no-row", message).boxed(Position::NONE)
        })
    });
    engine.register_fn("to_string", |data: &mut Data| {
        let policy = match (data.policy, &data.order) {
            (Policy::InTurn, None) => "",
            (Policy::InTurn, Some(_)) => ", shuffled",
            (Policy::PerUser, _) => ", per_user",
            (Policy::Random, _) => ", random",
            (Policy::Once, _) => ", once",
        };
        format!("{} rows of {}{policy}", data.len(), data.name)
    });
    engine.register_iterator::<Data>();

    engine.register_get("data", |person: &mut Person| Drawn(person.clone()));
    let h = Rc::clone(host);
    engine.register_indexer_get(move |all: &mut Drawn, name: ImmutableString| drawn(&h, &all.0, &name));
    engine.register_indexer_get(|row: &mut Row, name: ImmutableString| -> Raised<Dynamic> {
        row.get(&name).ok_or_else(|| no_such(row, &name).boxed(Position::NONE))
    });
    engine.register_fn("get", |row: &mut Row, name: ImmutableString, other: Dynamic| row.get(&name).unwrap_or(other));
    engine.register_fn("to_map", |row: &mut Row| row.data.table.map(row.index).unwrap_or_default());
    engine.register_fn("to_string", |row: &mut Row| format!("row {} of {}", row.index, row.data.name));
}

impl IntoIterator for Data {
    type Item = Dynamic;
    type IntoIter = std::vec::IntoIter<Dynamic>;

    fn into_iter(self) -> Self::IntoIter {
        let rows: Vec<Dynamic> = (0..).map_while(|place| self.map(place)).map(Dynamic::from_map).collect();
        rows.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Data {
        Data::new("f.csv", Arc::new(Table::csv("n\n0\n1\n2\n3\n4\n").unwrap()))
    }

    #[test]
    fn rows_follow_from_seed_user_and_iteration() {
        let rows = |data: &Data, seed| -> Vec<Option<usize>> {
            (0..12).map(|turn| data.draw(seed, turn % 3, turn / 3, turn)).collect()
        };
        assert_eq!(rows(&data(), 1)[3..7], [Some(3), Some(4), Some(0), Some(1)]);
        assert_eq!(rows(&data().with(Policy::PerUser), 1)[2..5], [Some(2), Some(0), Some(1)]);
        let once = rows(&data().with(Policy::Once), 1);
        assert_eq!((once[4], once[5]), (Some(4), None));
        let random = data().with(Policy::Random);
        assert_eq!(rows(&random, 1), rows(&random, 1));
        assert_ne!(rows(&random, 1), rows(&random, 2));
        let shuffled = data().shuffled(7);
        let mut first: Vec<usize> = rows(&shuffled, 1)[..5].iter().map(|row| row.unwrap()).collect();
        assert_eq!(first, rows(&data().shuffled(7), 9)[..5].iter().map(|row| row.unwrap()).collect::<Vec<_>>());
        first.sort_unstable();
        assert_eq!(first, [0, 1, 2, 3, 4], "each once before any comes again");
        assert_eq!(Data::new("x", Arc::new(Table::empty())).draw(1, 0, 0, 0), None);
    }
}

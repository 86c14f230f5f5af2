//! Exit codes: frozen, documented in `--help`, explained by `engine explain CODE`.

use std::process::ExitCode;

/// One class of ending. The order of declaration is the order of precedence: when several apply, the first wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Exit {
    Interrupted,
    Terminated,
    Internal,
    Usage,
    Invalid,
    Store,
    Script,
    Denied,
    Overloaded,
    Unreachable,
    NotRecovered,
    Regression,
    Expectation,
    Inconclusive,
    Partial,
    NothingRan,
    Pass,
}

/// What is said about a code.
pub(crate) struct Meaning {
    pub(crate) exit: Exit,
    pub(crate) code: u8,
    pub(crate) name: &'static str,
    pub(crate) cause: &'static str,
    pub(crate) fix: &'static str,
}

const fn meaning(exit: Exit, code: u8, name: &'static str, cause: &'static str, fix: &'static str) -> Meaning {
    Meaning { exit, code, name, cause, fix }
}

/// All codes, by number.
pub(crate) const MEANINGS: [Meaning; 17] = [
    meaning(Exit::Pass, 0, "pass", "Everything ran and every expectation held.", "Nothing to do."),
    meaning(
        Exit::Internal,
        1,
        "internal error",
        "The engine itself failed, or a step failed for a reason that is not the scenario's.",
        "Run again with `--log FILE` and report it with that file.",
    ),
    meaning(Exit::Usage, 2, "usage", "An argument or a parameter is wrong.", "See `engine help COMMAND`."),
    meaning(
        Exit::Invalid,
        3,
        "script or configuration invalid",
        "The scenario or the configuration has an error; nothing was run.",
        "`engine check FILE` shows file, line and column with a hint.",
    ),
    meaning(
        Exit::NothingRan,
        4,
        "nothing ran",
        "The scenario declares no step, or the filters left none, or every step was skipped.",
        "Add a `bench(..)`, or loosen `--only` and `--skip`; `engine doctor` names what is missing for skipped steps.",
    ),
    meaning(
        Exit::Expectation,
        10,
        "expectation failed",
        "A whole interval lies outside an expectation, or its metric does not exist or saw no sample.",
        "The report lists expectations first, with the observed interval and the limit.",
    ),
    meaning(
        Exit::Regression,
        11,
        "regression",
        "A metric is worse than the baseline by more than the smallest effect that counts.",
        "`engine compare BASELINE @last` shows which; `engine baseline accept --why ..` makes the new level normal.",
    ),
    meaning(
        Exit::Inconclusive,
        12,
        "inconclusive",
        "An expectation or a comparison is unsure: the interval lies on both sides, or there are too few rounds.",
        "More `rounds`, a quieter machine, or `--unsure pass|fail`.",
    ),
    meaning(
        Exit::Unreachable,
        13,
        "target unreachable",
        "The service under test did not answer.",
        "Start it, or check the address; loopback needs no permission, others need `--allow-net`.",
    ),
    meaning(
        Exit::NotRecovered,
        14,
        "did not recover",
        "The service did not return to its own baseline after a fault.",
        "The report shows the time line around the fault.",
    ),
    meaning(
        Exit::Script,
        20,
        "script runtime error",
        "The scenario raised an error while it ran.",
        "The message has file, line and column; `--once --trace` shows one iteration with all values.",
    ),
    meaning(
        Exit::Denied,
        21,
        "permission or limit",
        "The scenario needed a permission that was not granted, or broke a limit.",
        "The message names the flag to add, such as `--allow-run=PROGRAM`, or the limit to raise.",
    ),
    meaning(
        Exit::Store,
        30,
        "store error",
        "The results are NOT safely stored: the disk is full, the place is read-only, or the file is unusable.",
        "Free space, or choose another place with `--db FILE`; the report files hold what was measured.",
    ),
    meaning(
        Exit::Partial,
        31,
        "partial results",
        "The run ended early: its budget was used up or it was cut off. What it had is stored and reported.",
        "`engine run --resume RUN` goes on with one that was cut off; else raise `budget`, or lower `rounds`.",
    ),
    meaning(
        Exit::Overloaded,
        40,
        "result invalid",
        "The generator was the bottleneck, so the numbers describe the generator.",
        "Lower the rate, or give the generator more cores.",
    ),
    meaning(
        Exit::Interrupted,
        130,
        "interrupted",
        "Ctrl-C. What there was is stored and reported.",
        "`engine run --resume @last` goes on.",
    ),
    meaning(
        Exit::Terminated,
        143,
        "terminated",
        "SIGTERM, or its terminal was closed. What there was is stored and reported.",
        "`engine run --resume @last` goes on.",
    ),
];

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        self.meaning().code
    }

    /// What it means.
    pub(crate) fn meaning(self) -> &'static Meaning {
        // The table has every variant, which a test checks; the first is `pass`.
        MEANINGS.iter().find(|meaning| meaning.exit == self).unwrap_or(&MEANINGS[0])
    }

    /// The one that wins when several apply.
    pub(crate) fn of(causes: &[Self]) -> Self {
        causes.iter().copied().min().unwrap_or(Self::Pass)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error that already knows its exit code. Everything else that reaches `main` is an internal error.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Fatal {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Fatal {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// A wrong argument.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }
}

impl From<engine_store::Error> for Fatal {
    fn from(error: engine_store::Error) -> Self {
        use engine_store::Error as E;
        let exit = match error {
            E::UnknownRun { .. }
            | E::Ambiguous { .. }
            | E::UnknownBaseline { .. }
            | E::BadBaseline { .. }
            | E::UnknownAlert { .. }
            | E::BadAlert { .. }
            | E::BadSchedule { .. }
            | E::Exists { .. } => Exit::Usage,
            _ => Exit::Store,
        };
        Self::new(exit, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_frozen() {
        let codes: Vec<u8> = MEANINGS.iter().map(|m| m.code).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 20, 21, 30, 31, 40, 130, 143]);
    }

    #[test]
    fn the_first_cause_wins() {
        let order = [130, 143, 1, 2, 3, 30, 20, 21, 40, 13, 14, 11, 10, 12, 31, 4, 0];
        let mut exits: Vec<Exit> = MEANINGS.iter().map(|m| m.exit).collect();
        exits.sort_unstable();
        let codes: Vec<u8> = exits.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, order);
        assert_eq!(Exit::of(&[Exit::Partial, Exit::Expectation, Exit::Regression]), Exit::Regression);
        assert_eq!(Exit::of(&[]), Exit::Pass);
    }
}

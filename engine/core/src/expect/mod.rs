//! Expectations: what a scenario says its numbers must be, as text, as data, and judged.
//!
//! `[METRIC[{LABELS}]][.STAT][.slope][[WINDOW]] OP VALUE {* VALUE} [for N windows] [within TIME] [@abort|@warn]`
//!
//! [`Expectation::parse`] reads the text and [`Expectation::check_metrics`] and [`Expectation::check_units`] find what
//! is wrong with it before anything runs; [`judge`] holds it against the rounds of a run. An expectation passes when
//! the whole interval of what was observed lies inside, fails when it lies wholly outside, and else is *unsure*.

mod check;
mod claim;
mod error;
mod follow;
mod join;
mod judge;
mod load;
mod over_time;
mod pair;
mod parse;
mod select;
#[cfg(test)]
mod tests;
mod weigh;

pub use check::{HOST_METRICS, is_reserved_metric};
pub use claim::{Amount, Claim, Expectation, Op, Selector, Value};
pub use error::{ExpectError, Problem};
pub use follow::Follower;
pub use judge::{Baseline, Context, judge};
pub use pair::{Paired, ratio};
pub use weigh::LARGE_SAMPLE;

//! Adaptive learning: one row at a time, predicted before it is learned from, with an eye on whether the world has changed.

mod adwin;
mod learner;
mod logistic;
mod page_hinkley;
mod prequential;
mod scaler;
#[cfg(test)]
mod tests;

pub use adwin::Adwin;
pub use learner::{OnlineNetwork, Reaction};
pub use logistic::LogisticRegression;
pub use page_hinkley::PageHinkley;
pub use prequential::{Learner, OnlineError, Prequential, permuted_at_half, prequential};
pub use scaler::StandardScaler;

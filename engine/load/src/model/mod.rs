//! What a load is made of: who arrives when, how many users there are, how long they think.

mod arrival;
mod share;
mod think;
mod users;

pub use arrival::{ArrivalPlan, ArrivalPlanError, Due, bursts, sine, steps};
pub use share::Shares;
pub use think::{Think, ThinkError};
pub use users::{Active, UserPhase, UserPhaseError, activity, most_users, set_apart, total_seconds};

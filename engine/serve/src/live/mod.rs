//! What is happening now, for everybody who watches.
//!
//! A run gives its events to the hub, which only notes what they mean and returns: whoever watches can never hold it up.
//! Once a second the server folds the notes into a view of each run that is under way and tells what changed, numbered, to
//! all that watch. Runs of other processes are followed through the store in the same way.

mod hub;
mod pace;
pub(crate) mod socket;
mod update;
mod view;

pub use hub::Hub;
pub(crate) use hub::Joined;
pub(crate) use pace::keep_pace;
pub(crate) use update::phases;

//! Arguments of `engine faults`.

use clap::Subcommand;

/// `engine faults`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum FaultsCommand {
    /// Show what is active, and what was undone lately, by whom and why
    Status,
    /// Undo everything that is active, whichever run it belongs to
    Undo {
        /// All of them; said aloud, because runs that are going on lose their faults too
        #[arg(long, required = true)]
        all: bool,
    },
}

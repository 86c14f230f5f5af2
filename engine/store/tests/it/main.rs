//! Tests of the store on real files.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and say why it does nothing")]

mod alerts;
mod carry;
mod fixture;
mod follow;
mod history;
mod kill;
mod normal;
mod open;
mod orphans;
mod places;
mod references;
mod roundtrip;
mod transfer;
mod upkeep;
mod writing;

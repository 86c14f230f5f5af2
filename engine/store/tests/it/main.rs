//! Tests of the store on real files.

mod fixture;
mod history;
mod kill;
mod open;
mod orphans;
mod places;
mod references;
mod roundtrip;
mod transfer;
mod upkeep;
mod writing;

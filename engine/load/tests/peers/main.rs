//! Tier 2: the protocols against servers that we did not write. Needs `--features tier2`; run by `.ci/run`, which installs
//! nginx and PyPI's `websockets`.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/tls.rs"]
mod identity;
mod nginx;
mod websockets;

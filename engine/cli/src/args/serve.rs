//! `engine serve`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

/// The dashboard.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeArgs {
    /// Port on 127.0.0.1 and ::1; the next free one when it is taken, 0 for any [default: 5000]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Listen on this address of the machine instead: all who can reach it need the token
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<IpAddr>,
    /// Answer to this name too, such as that of a proxy
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) allow_host: Vec<String>,
    /// The token that changes need, from a file that only you can read [default: $ENGINE_TOKEN, or a new one each time]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Do not follow the schedules: something else does
    #[arg(long)]
    pub(crate) no_schedules: bool,
    /// Let who has the token run scenarios, by name
    #[arg(long)]
    pub(crate) allow_run_from_web: bool,
    /// Folder whose scenarios are listed [default: scenarios]
    #[arg(long, value_name = "DIR")]
    pub(crate) scenarios: Option<PathBuf>,
}

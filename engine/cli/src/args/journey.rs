//! The commands about requests: one address under load, and scenarios from recordings.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OneLine;

/// `engine http`.
#[derive(Debug, Clone, Args)]
pub(crate) struct HttpArgs {
    /// The address; everything but this machine needs --allow-net
    pub(crate) url: String,
    /// Requests a second that are due, whatever the target does (open model), such as 200/s
    #[arg(long, short, value_name = "RATE", conflicts_with = "users")]
    pub(crate) rate: Option<String>,
    /// Users that send one request after the other (closed model)
    #[arg(long, short, value_name = "N", default_value_t = 10)]
    pub(crate) users: u32,
    /// How long
    #[arg(long, short, value_name = "TIME", default_value = "10 s")]
    pub(crate) duration: String,
    /// Requests come at random moments instead of evenly spaced
    #[arg(long, requires = "rate")]
    pub(crate) poisson: bool,
    /// Time at the front that does not count
    #[arg(long, value_name = "TIME")]
    pub(crate) warmup: Option<String>,
    /// Time until an answer must be there [default: 30 s]
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<String>,
    /// The method [default: GET, or POST with a body]
    #[arg(long, short = 'X', value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// A header
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,
    /// What is sent
    #[arg(long, short = 'b', value_name = "TEXT", conflicts_with = "json_body")]
    pub(crate) body: Option<String>,
    /// What is sent, as JSON
    #[arg(long, value_name = "JSON")]
    pub(crate) json_body: Option<String>,
    /// Accept any certificate
    #[arg(long, short = 'k')]
    pub(crate) insecure: bool,
    /// What must hold, such as 'response.p99 < 200 ms'
    #[arg(long, short, value_name = "EXPECTATION")]
    pub(crate) expect: Vec<String>,
    /// Hosts that may be talked to
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    pub(crate) allow_net: Vec<String>,
    /// Seed of everything random
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) one: OneLine,
}

/// `engine plan`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlanArgs {
    /// A run with a sweep over threads, users or the like: @last, an id or its prefix, an exported file
    #[arg(default_value = "@last")]
    pub(crate) run: String,
    /// How many it takes for this rate, such as 5000/s
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Option<String>,
    /// What so many carry
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub(crate) of: Vec<f64>,
    /// Only this axis of the sweep [default: every one of whole numbers]
    #[arg(long, value_name = "NAME")]
    pub(crate) axis: Option<String>,
    /// Only this step
    #[arg(long, value_name = "NAME")]
    pub(crate) step: Option<String>,
}

/// `engine import`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ImportCommand {
    /// From a HAR file that a browser saved
    Har {
        /// The file; `-` for standard input
        file: PathBuf,
        /// Only requests to this host
        #[arg(long, value_name = "HOST")]
        host: Vec<String>,
        /// Without images, fonts, styles, scripts and media
        #[arg(long)]
        no_static: bool,
    },
    /// From a command for curl: engine import curl 'curl -X POST ..', or pasted into: engine import curl -
    Curl {
        /// The command as one argument, or its words; `-` reads it from standard input
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
}

//! Arguments of `engine advise`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `engine advise`.
#[derive(Debug, Args)]
pub(crate) struct AdviseArgs {
    /// @last, @-2, @NAME, an id or its prefix, an exported file
    #[arg(default_value = "@last")]
    pub(crate) run: String,
    /// Which share of your own work a rule's operation is: its gain on all of it follows (may be given several times)
    #[arg(long, value_name = "RULE=SHARE")]
    pub(crate) share: Vec<String>,
    /// A limit of a rule (may be given several times)
    #[arg(long, value_name = "RULE.LIMIT=VALUE")]
    pub(crate) limit: Vec<String>,
    /// Only rules whose id matches a glob, such as `storage.*`
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Write `optimization_report_TIME.md` and `optimization_recommendations_TIME.json` into a folder
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Run the experiments of the findings (as many as `--only` leaves), both sides interleaved, and keep what came of it
    #[arg(long)]
    pub(crate) verify: bool,
    /// tiny (for tests), short, default or long, for `--verify`
    #[arg(long, value_name = "PROFILE", requires = "verify")]
    pub(crate) profile: Option<String>,
    /// Run the tests of your own rules, and stop there
    #[arg(long)]
    pub(crate) test_rules: bool,
}

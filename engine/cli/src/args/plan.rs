//! Arguments of `engine plan`.

use clap::Args;
use engine_core::quantity::Quantity;
use engine_core::unit::Dimension;

/// `engine plan`.
#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("question").required(true).multiple(true)))]
pub(crate) struct PlanArgs {
    /// The run: an id or its beginning, @last, @-2, a baseline's name, or a file
    pub(crate) run: String,
    /// How many users, cores, .. carry this rate, such as 1500/s
    #[arg(long, value_name = "RATE", value_parser = rate, group = "question")]
    pub(crate) rate: Option<f64>,
    /// What so many users, cores, .. carry
    #[arg(long, value_name = "N", group = "question")]
    pub(crate) at: Option<f64>,
    /// Only the law of this step [default: of each that has one]
    #[arg(long, value_name = "STEP")]
    pub(crate) step: Option<String>,
}

fn rate(text: &str) -> Result<f64, String> {
    let read: Quantity = text.parse().map_err(|error| format!("{error}"))?;
    if read.dimension == Dimension::PER_TIME && read.value > 0.0 {
        Ok(read.value)
    } else {
        Err("must be a rate above zero, such as 1500/s".to_owned())
    }
}

//! `engine target`: the demo target alone.

use engine_target::{Options, ServeError};

use crate::app::App;
use crate::args::TargetArgs;
use crate::exit::{Exit, Fatal};

/// Serves until it is told to end, which is how it ends well.
pub(crate) fn run(app: &App, args: &TargetArgs) -> Result<Exit, Fatal> {
    let settings = args.settings();
    let word = if settings.down { "down" } else { "listening" };
    let options = Options { port: args.port, until_input_ends: args.until_input_ends };
    let announce = |address: &str| app.out(&format!("{word} on {address}"));
    match engine_target::run(settings, options, announce) {
        Ok(()) => Ok(Exit::Pass),
        Err(error @ (ServeError::Settings(_) | ServeError::Listen { .. } | ServeError::Orders { .. })) => {
            Err(Fatal::usage(error.to_string()))
        }
        Err(error @ ServeError::System(_)) => Err(Fatal::new(Exit::Internal, error.to_string())),
    }
}

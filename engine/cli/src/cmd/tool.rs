//! What the binary lends to the probes of tools: itself as a server, and its script language.

use engine_probes::tool::lent::{Lent, lend as lend_to_probes};
use engine_probes::tool::serve::serve;

use crate::exit::{Exit, Fatal};

/// Serves standard input until its end.
pub(crate) fn run(protocol: &str) -> Result<Exit, Fatal> {
    serve(protocol).map_err(|error| Fatal::usage(format!("`__tool` is the engine's own child: {error}")))?;
    Ok(Exit::Pass)
}

/// Tells the probes of this process how to start that server, and how to make a tool of a script.
pub(crate) fn lend() {
    if let Ok(program) = std::env::current_exe() {
        let server = vec![program.into_os_string(), "__tool".into()];
        lend_to_probes(Lent { server, script: Some(engine_script::tool) });
    }
}

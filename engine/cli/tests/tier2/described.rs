//! Schemathesis, a tool of other people, reads the description of the REST API and looks for answers that contradict it.

use std::process::Command;

use crate::client::TOKEN;
use crate::sandbox::Sandbox;
use crate::server::Serving;

/// Everything about what is answered; not whether what the description allows always makes sense.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
response_schema_conformance,unsupported_method,allow_header_conformance,use_after_free,missing_required_header";

#[test]
fn no_server_error_and_no_undocumented_answer() {
    let program = std::env::var("ENGINE_SCHEMATHESIS").expect("`.ci/run` installs it and sets ENGINE_SCHEMATHESIS");
    let sandbox = Sandbox::new();
    for _ in 0..3 {
        sandbox
            .expect(0, &["run", "-e", "bench(#{ rounds: 5 }, cpu::primes(#{ limit: 1000 }));", "--profile", "short"]);
    }
    sandbox.file("set.toml", "[serve]\nrate = 100000\n");
    let serving = Serving::start(&sandbox, &["--config", "set.toml", "serve", "--port", "0"]);
    let done = Command::new(program)
        .args(["run", &format!("http://{}/api/v1/openapi.json", serving.at), "--no-color", "--seed", "1"])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--checks", CHECKS])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "40"])
        // How fast it finds what to ask, and is answered, is the machine's affair.
        .args(["--suppress-health-check", "all", "--request-timeout", "120"])
        // A WebSocket cannot be asked like the others.
        .args(["--exclude-path", "/api/v1/live"])
        .current_dir(sandbox.path(""))
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}\n{err}");
    assert!(out.contains("Tested:"), "{out}");
}

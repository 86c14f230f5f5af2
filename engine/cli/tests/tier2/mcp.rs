//! A server made with PyPI's `mcp`, called by the engine. `.ci/run` installs it into a Python of its own, which
//! `ENGINE_MCP_PYTHON` names.

use crate::sandbox::Sandbox;

const SERVER: &str = r#"
try:
    from mcp.server import MCPServer as Server
except ImportError:
    from mcp.server.fastmcp import FastMCP as Server
import sys
server = Server("shop")
@server.tool()
def echo(text: str) -> str:
    return text
@server.tool()
def price(sku: str, count: int) -> int:
    if count < 0:
        raise ValueError("a negative count")
    return 3 * count
print("ready", file=sys.stderr)
server.run()
"#;

#[test]
fn a_python_server_is_measured_and_its_errors_are_told() {
    let Some(python) = std::env::var_os("ENGINE_MCP_PYTHON") else {
        panic!("`ENGINE_MCP_PYTHON` must name a Python that has PyPI's `mcp`; `.ci/run` does that");
    };
    let (sandbox, python) = (Sandbox::new(), python.to_str().unwrap().to_owned());
    let server = sandbox.file("server.py", SERVER);
    let server = server.to_str().unwrap();
    let allow = format!("--allow-run={python}");
    let run = |call: &str| {
        sandbox.file(
            "s.rhai",
            format!("bench(tool::mcp([\"{python}\", \"{server}\"], #{{ {call}, timeout: \"60 s\" }}));"),
        );
        sandbox.run(&["--json", "run", "s.rhai", "--profile", "tiny", &allow])
    };
    let good = run("tool: \"price\", params: #{ sku: \"a\", count: 2 }");
    assert_eq!(good.code, 0, "{}", good.err);
    let report = good.json();
    let metrics = report["steps"][0]["metrics"].as_array().unwrap();
    let value =
        |id: &str| metrics.iter().find(|metric| metric["metric"] == id).unwrap()["estimate"]["value"].as_f64().unwrap();
    assert!(value("tools") > 1.5 && value("errors") < 0.5, "{report}");
    // A Python server takes tens of megabytes, and starts in more than a hundredth of a second.
    assert!(value("peak_memory") > 1e7 && value("startup") > 0.01 && value("server_cpu") > 0.0, "{report}");
    let echoed = run("tool: \"echo\", payload_name: \"text\", payload: \"4 KiB\"");
    assert_eq!(echoed.code, 0, "{}", echoed.err);
    for (call, why) in [
        ("tool: \"price\", params: #{ sku: \"a\", count: -1 }", "the tool says: Error executing tool price"),
        ("tool: \"price\", params: #{ sku: \"a\" }", "none of 5 calls of `price` succeeded"),
        ("tool: \"prise\"", "did you mean `price`"),
        ("starts: 1", "name one with `tool`: echo, price"),
    ] {
        let ran = run(call);
        assert!(ran.code != 0 && (ran.out.clone() + &ran.err).contains(why), "{call}: {}{}", ran.out, ran.err);
    }
}

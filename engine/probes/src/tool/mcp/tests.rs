use super::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use engine_core::args::ArgValue;
use engine_core::measurement::Record;

/// A server in shell script: what it does for each request after the handshake stands in `$call`.
fn server(call: &str) -> Vec<String> {
    let hello = r#"{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#;
    let script = format!(
        r#"while read -r line; do
            id=${{line#*\"id\":}}; id=${{id%%,*}}
            answer() {{ printf '{{"jsonrpc":"2.0","id":%s,"result":%s}}\n' "$id" "$1"; }}
            case "$line" in
                *'"initialize"'*) answer '{hello}' ;;
                *'"tools/list"'*) answer '{{"tools":[{{"name":"one","inputSchema":{{}}}}]}}' ;;
                *'"ping"'*) answer '{{}}' ;;
                *'"tools/call"'*) {call} ;;
            esac
        done"#
    );
    raw(&script)
}

fn raw(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

fn take(command: Vec<String>, options: &[(&str, &str)]) -> Result<(Vec<Record>, Vec<String>), ProbeError> {
    take_within(Duration::from_secs(600), command, options)
}

fn take_within(
    time: Duration,
    command: Vec<String>,
    options: &[(&str, &str)],
) -> Result<(Vec<Record>, Vec<String>), ProbeError> {
    let mut given: BTreeMap<String, ArgValue> =
        options.iter().map(|(name, text)| ((*name).to_owned(), ArgValue::Text((*text).to_owned()))).collect();
    given.insert("command".to_owned(), ArgValue::List(command));
    let args = PROBE.info.args(&given, true).unwrap();
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + time, 2, 7, true);
    run(&args, &mut cx)?;
    Ok(cx.finish())
}

fn value(records: &[Record], metric: &str) -> f64 {
    records.iter().find(|record| record.metric.id == metric).unwrap().values[0]
}

fn complaint(command: Vec<String>, options: &[(&str, &str)]) -> String {
    take(command, options).unwrap_err().to_string()
}

const GOOD: &str = r#"answer '{"content":[{"type":"text","text":"done"}]}'"#;

#[test]
fn a_server_is_started_asked_and_called() {
    for placement in ["free", "other", "same"] {
        let (records, _) = take(server(GOOD), &[("starts", "1"), ("placement", placement)]).unwrap();
        for metric in PROBE.info.metrics.iter().filter(|metric| metric.id != "efficiency") {
            let record = records.iter().find(|record| record.metric.id == metric.id);
            let record = record.unwrap_or_else(|| panic!("no `{}`", metric.id));
            assert!(record.values.iter().all(|value| value.is_finite()), "{record:?}");
        }
        assert!((value(&records, "tools") - 1.0).abs() < 0.1 && value(&records, "errors").abs() < 0.1);
        assert!(value(&records, "latency") > 1e-6 && value(&records, "startup") > 1e-5);
        assert!(value(&records, "server_cpu") > 0.0 && value(&records, "peak_memory") > 1e5);
    }
}

#[test]
fn arguments_and_payload_reach_the_tool() {
    let check = r#"case "$line" in
        *'"name":"one","arguments":{"n":3,"words":["a",null],"text":"'[a-z]*) answer '{"structuredContent":{}}' ;;
        *) exit 9 ;;
    esac"#;
    let options =
        [("tool", "one"), ("params", r#"{"n":3,"words":["a",null]}"#), ("payload", "100 B"), ("payload_name", "text")];
    let (records, _) = take(server(check), &options).unwrap();
    // Braces, names and numbers around a hundred letters.
    assert!((200.0..260.0).contains(&value(&records, "sent")), "{records:?}");
}

#[test]
fn a_refused_call_is_counted_and_no_success_at_all_fails() {
    let every_other = format!(
        r#"case $id in *[02468]) {GOOD} ;; *) answer '{{"isError":true,"content":[{{"text":"no luck"}}]}}' ;; esac"#
    );
    let (records, notes) = take(server(&every_other), &[]).unwrap();
    assert!(value(&records, "errors") >= 2.0 && value(&records, "succeeded") >= 2.0, "{records:?}");
    assert!(notes.iter().any(|note| note.contains("the tool says: no luck")), "{notes:?}");
    let never = r#"printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"not so"}}\n' "$id""#;
    let said = complaint(server(never), &[]);
    assert!(said.starts_with("none of 5 calls of `one` succeeded") && said.ends_with("not so (-32602)"), "{said}");
    let empty = complaint(server("answer '{}'"), &[]);
    assert!(empty.ends_with("a result without content"), "{empty}");
}

#[test]
fn a_server_that_dies_is_named_with_its_last_words() {
    let said = complaint(raw("echo no luck >&2; exit 3"), &[]);
    assert!(said.contains("during `initialize`: the server ended with exit code 3; it said:\nno luck"), "{said}");
    let said = complaint(server("kill -SEGV $$"), &[]);
    assert!(said.contains("during `tools/call`: the server was killed by signal 11"), "{said}");
    let said = complaint(raw("exec >&-; sleep 1000"), &[]);
    assert!(said.contains("closed its standard output"), "{said}");
    let said = complaint(["no-such-server-anywhere".to_owned()].to_vec(), &[]);
    assert!(said.contains("no program `no-such-server-anywhere` in PATH"), "{said}");
}

#[test]
fn a_server_that_hangs_is_not_waited_for() {
    for command in [raw("sleep 1000"), server("sleep 1000")] {
        let start = Instant::now();
        let said = complaint(command, &[("timeout", "100 ms")]);
        assert!(said.contains("silent for 0.1 s") && said.contains("raise `timeout`"), "{said}");
        assert!(start.elapsed() < Duration::from_secs(300));
    }
    // One that never reads, with more to read than a pipe holds.
    let said = complaint(raw("sleep 1000"), &[("timeout", "100 ms"), ("payload", "4 KiB"), ("payload_name", "x")]);
    assert!(said.contains("silent"), "{said}");
    assert_eq!(
        take_within(Duration::from_millis(300), server("sleep 1000"), &[]).map(drop),
        Err(ProbeError::Cancelled)
    );
}

#[test]
fn a_server_that_floods_or_speaks_garbage_is_refused() {
    let said = complaint(raw("echo hello; cat >/dev/null"), &[]);
    assert!(said.contains("no JSON-RPC message: `hello`"), "{said}");
    let said = complaint(server("echo '{\"jsonrpc\":\"2.0\"}'"), &[]);
    assert!(said.contains("during `tools/call`") && said.contains("no JSON-RPC message"), "{said}");
    let said = complaint(raw("yes"), &[]);
    assert!(said.contains("no JSON-RPC message: `y`"), "{said}");
    let said = complaint(raw(r#"yes '{"jsonrpc":"2.0","method":"notifications/message"}'"#), &[]);
    assert!(said.contains("10000 messages that nobody asked for"), "{said}");
    let said = complaint(raw("tr '\\0' x </dev/zero"), &[]);
    assert!(said.contains("more than 64 MiB without an end"), "{said}");
    let said = complaint(server("echo '[1,2]'"), &[]);
    assert!(said.contains("no JSON-RPC message: `[1,2]`"), "{said}");
    // Much on standard error is none of these.
    let noisy =
        format!("i=0; while [ $i -lt 3000 ]; do echo some words on standard error $i >&2; i=$((i+1)); done; {GOOD}");
    take(server(&noisy), &[("calls", "2")]).unwrap();
}

#[test]
fn a_server_may_ask_and_tell_before_it_answers() {
    let asks = format!(
        r#"printf '\n{{"jsonrpc":"2.0","method":"notifications/progress"}}\n{{"jsonrpc":"2.0","id":"p","method":"ping"}}\n'
        read -r pong; case "$pong" in *'"id":"p"'*'"result":{{}}'*) ;; *) exit 8 ;; esac
        printf '{{"jsonrpc":"2.0","id":"r","method":"roots/list"}}\n'
        read -r no; case "$no" in *'"id":"r"'*-32601*) ;; *) exit 9 ;; esac
        {GOOD}"#
    );
    take(server(&asks), &[]).unwrap();
}

#[test]
fn which_tool_is_clear_or_asked_for() {
    let said = complaint(server(GOOD), &[("tool", "onne")]);
    assert!(said.contains("no tool `onne`, did you mean `one`?; it offers: one"), "{said}");
    let two = raw(
        r#"read -r line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"x"}}'; read -r line; read -r line
        echo '{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"a"},{"name":"b"}]}}'; cat >/dev/null"#,
    );
    assert_eq!(complaint(two, &[]), "the server offers several tools, name one with `tool`: a, b");
    let strange = complaint(raw(r#"read -r line; echo '{"jsonrpc":"2.0","id":1,"result":{}}'; cat >/dev/null"#), &[]);
    assert!(strange.contains("without a `protocolVersion`"), "{strange}");
}

#[test]
fn nothing_is_left_even_of_one_that_will_not_go() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let stubborn = format!(
        "trap '' TERM; sleep 1000 >&- 2>&- & echo $! > {}; exec >&-; while :; do sleep 1000; done",
        file.display()
    );
    let said = complaint(raw(&stubborn), &[]);
    assert!(said.contains("closed its standard output"), "{said}");
    let pid = std::fs::read_to_string(file).unwrap();
    let deadline = Instant::now() + Duration::from_secs(600);
    while std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|state| !state.contains(") Z ")) {
        assert!(Instant::now() < deadline, "still running");
        std::thread::sleep(Duration::from_millis(5));
    }
}

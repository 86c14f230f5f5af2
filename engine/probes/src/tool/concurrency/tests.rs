use super::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use engine_core::args::ArgValue;
use engine_core::measurement::Record;

/// A server in shell script that does this for each call.
fn server(call: &str) -> Vec<String> {
    let script = format!(
        r#"while read -r line; do
            id=${{line#*\"id\":}}; id=${{id%%,*}}
            answer() {{ printf '{{"jsonrpc":"2.0","id":%s,"result":%s}}\n' "$id" "$1"; }}
            case "$line" in
                *'"initialize"'*) answer '{{"protocolVersion":"2025-06-18"}}' ;;
                *'"tools/list"'*) answer '{{"tools":[{{"name":"one"}}]}}' ;;
                *'"tools/call"'*) {call} ;;
            esac
        done"#
    );
    ["sh", "-c", &script].map(str::to_owned).to_vec()
}

const GOOD: &str = r#"answer '{"content":[]}'"#;

fn take(command: Vec<String>, options: &[(&str, &str)]) -> Result<(Vec<Record>, Vec<String>), ProbeError> {
    take_as(true, command, options)
}

fn take_as(
    tiny: bool,
    command: Vec<String>,
    options: &[(&str, &str)],
) -> Result<(Vec<Record>, Vec<String>), ProbeError> {
    let mut given: BTreeMap<String, ArgValue> =
        options.iter().map(|(name, text)| ((*name).to_owned(), ArgValue::Text((*text).to_owned()))).collect();
    given.insert("command".to_owned(), ArgValue::List(command));
    let args = PROBE.info.args(&given, tiny).unwrap();
    let cancel = AtomicBool::new(false);
    let mut cx = Context::new(Path::new("/"), &cancel, Instant::now() + Duration::from_secs(600), 2, 7, tiny);
    run(&args, &mut cx)?;
    Ok(cx.finish())
}

fn values<'a>(records: &'a [Record], metric: &str, concurrency: &str) -> &'a [f64] {
    let found = records
        .iter()
        .find(|record| record.metric.id == metric && record.labels.get("concurrency") == Some(concurrency));
    found.map_or(&[], |record| &record.values)
}

#[test]
fn levels_are_halves_of_the_most() {
    assert_eq!(levels(1), [1]);
    assert_eq!(levels(2), [1, 2]);
    assert_eq!(levels(16), [1, 2, 4, 8, 16]);
    assert_eq!(levels(12), [1, 2, 4, 8, 12]);
}

#[test]
fn a_response_is_its_wait_and_its_service() {
    let (records, _) = take(server(GOOD), &[("most", "2")]).unwrap();
    for level in ["1", "2"] {
        let of = |metric| values(&records, metric, level);
        assert!(of("throughput")[0] > 0.0 && of("offered")[0] > 0.0, "{records:?}");
        for ((response, service), wait) in of("response").iter().zip(of("service")).zip(of("wait")) {
            assert!((response - service - wait).abs() < 1e-9 && *wait >= 0.0 && *service > 0.0);
        }
        assert!(of("errors")[0].abs() < 0.1);
    }
}

#[test]
fn a_stall_is_charged_to_those_who_waited_for_it() {
    // Every call takes 5 ms or what a loaded machine makes of it, and four times as many are due as can be served: of few
    // that are served in the time, chance may make none due.
    let slow = format!("sleep 0.005; {GOOD}");
    let taken = [0.06, 0.6, 6.0, 60.0].into_iter().find_map(|seconds| {
        let duration = format!("{seconds} s");
        let options = [("most", "1"), ("load", "400"), ("duration", duration.as_str())];
        let (records, _) = take_as(false, server(&slow), &options).unwrap();
        (values(&records, "response", "1").len() >= 4).then_some((records, seconds))
    });
    let (records, seconds) = taken.unwrap();
    let (response, service) = (values(&records, "response", "1"), values(&records, "service", "1"));
    // The last one in line waited for all before it, at least 5 ms each, from when it was due on.
    let longest = response.iter().copied().fold(0.0, f64::max);
    assert!(longest >= 0.004 * (response.len() - 1) as f64 - seconds, "{response:?}");
    assert!(service.iter().all(|time| *time >= 0.004));
}

#[test]
fn a_server_that_fails_dies_or_hangs_ends_the_round() {
    let said = |call: &str, options: &[(&str, &str)]| take(server(call), options).unwrap_err().to_string();
    let never = said("answer '{}'", &[]);
    assert!(never.contains("calls of `one` succeeded, at last: a result without content"), "{never}");
    assert!(said("exit 4", &[]).contains("ended with exit code 4"));
    assert!(said("sleep 1000", &[("timeout", "100 ms")]).contains("silent for 0.1 s"));
    assert!(said("echo nonsense", &[]).contains("no JSON-RPC message: `nonsense`"));
    // One that answers with numbers nobody used.
    let foreign = said("id=77; answer '{}'", &[("timeout", "100 ms")]);
    assert!(foreign.contains("silent"), "{foreign}");
}

//! `engine schedule` and `engine alerts test|send|outbox` from outside.

use serde_json::Value;

use crate::sandbox::Sandbox;

const GOOD: &str = "bench(\"p\", #{ rounds: 2 }, cpu::primes(#{ limit: 1000 }));";
const BAD: &str = "bench(\"p\", #{ rounds: 6, expect: [\"time < 1 ns\"] }, cpu::primes(#{ limit: 1000 }));";

fn history(sandbox: &Sandbox) -> Vec<Value> {
    let found = sandbox.expect(0, &["schedule", "history", "--json"]).json();
    found["occurrences"].as_array().unwrap().clone()
}

#[test]
fn a_schedule_is_added_listed_switched_and_removed() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", GOOD);
    let add = ["schedule", "add", "nightly", "0 2 * * *", "s.rhai", "--zone", "Europe/Berlin"];
    sandbox.expect(0, &add).says(&["`nightly` is followed from now on; next: ", " 02:00:00 CE"]);
    sandbox.expect(2, &add).says(&["there is a schedule `nightly` already"]);
    let listed = sandbox.expect(0, &["schedule", "list", "--json"]).json();
    let schedule = &listed["schedules"][0]["schedule"];
    assert_eq!((&schedule["cron"], &schedule["zone"]), (&"0 2 * * *".into(), &"Europe/Berlin".into()));
    assert!(schedule["scenario"].as_str().unwrap().starts_with('/'), "it is found from every folder");
    assert!(sandbox.expect(0, &["schedule", "list"]).out.contains("nightly"));
    sandbox.expect(0, &["schedule", "disable", "nightly"]);
    assert!(sandbox.expect(0, &["schedule", "list"]).out.contains("disabled"));
    sandbox.expect(0, &["schedule", "enable", "nightly"]).says(&["next: "]);
    sandbox.expect(2, &["schedule", "disable", "nightyl"]).says(&["did you mean `nightly`"]);
    sandbox.expect(0, &["schedule", "remove", "nightly"]);
    sandbox.expect(2, &["schedule", "remove", "nightly"]).says(&["there is none yet"]);
}

#[test]
fn what_cannot_be_followed_is_refused_when_it_is_added() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", GOOD);
    sandbox.file("wrong.rhai", "bench(\"p\", #{ ronds: 2 }, cpu::primes());");
    let add = |code: i32, name: &str, cron: &str, scenario: &str, rest: &[&str]| {
        sandbox.expect(code, &[&["schedule", "add", name, cron, scenario], rest].concat())
    };
    add(2, "a", "61 2 * * *", "s.rhai", &[]).says(&["`61 2 * * *` is no pattern of cron"]);
    add(2, "a", "0 2 * *", "s.rhai", &[]).says(&["it has 4 fields"]);
    add(2, "a", "0 0 30 2 *", "s.rhai", &[]).says(&["never comes"]);
    add(2, "a", "0 2 * * *", "s.rhai", &["--zone", "Europe/Berlni"]).says(&["no time zone `Europe/Berlni`"]);
    add(2, "a", "*/10 * * * *", "s.rhai", &["--jitter", "10min"]).says(&["at most half of the shortest time", "300 s"]);
    add(2, "a b", "0 2 * * *", "s.rhai", &[]).says(&["is no name of a schedule"]);
    add(2, "a", "0 2 * * *", "quikc", &[]).says(&["no built-in scenario `quikc`", "did you mean `quick`"]);
    add(2, "a", "0 2 * * *", "missing.rhai", &[]).says(&["missing.rhai"]);
    add(3, "a", "0 2 * * *", "wrong.rhai", &[]).says(&["ronds"]);
    add(2, "a", "0 2 * * *", "s.rhai", &["--", "--basline", "main"]).says(&["arguments after `--`", "--basline"]);
    add(2, "a", "0 2 * * *", "s.rhai", &["--skip-busy", "30"]).says(&["--skip-busy"]);
    assert!(sandbox.expect(0, &["schedule", "list"]).out.contains("no schedules yet"));
}

#[test]
fn a_run_of_a_schedule_is_noted_and_one_that_fails_raises_an_alert() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", GOOD);
    sandbox.expect(0, &["schedule", "add", "n", "0 2 * * *", "s.rhai", "--", "--tag", "team=perf"]);
    sandbox.expect(0, &["schedule", "run-now", "n"]).says(&["n ran (manual), run "]);
    let runs = sandbox.expect(0, &["runs", "list", "--json"]).json();
    let tags = &runs["runs"][0]["tags"];
    assert_eq!((&tags["schedule"], &tags["team"]), (&"n".into(), &"perf".into()));
    assert_eq!(history(&sandbox)[0]["run"], runs["runs"][0]["id"]);
    let missing = || {
        let found = sandbox.expect(0, &["alerts", "list", "--rule", "missing-run", "--json"]).json();
        found["alerts"].as_array().unwrap().clone()
    };
    std::fs::remove_file(sandbox.path("s.rhai")).unwrap();
    sandbox.expect(2, &["schedule", "run-now", "n"]).says(&["n failed (manual), exit code 2: cannot read"]);
    assert!(
        missing()[0]["summary"].as_str().unwrap().contains("failed with exit code 2: cannot read"),
        "{:?}",
        missing()
    );
    sandbox.file("s.rhai", GOOD);
    sandbox.expect(0, &["schedule", "run-now", "n"]);
    assert!(missing().is_empty(), "well again");
}

#[test]
fn the_defaults_are_three_and_stay_as_they_are() {
    let sandbox = Sandbox::new();
    sandbox.expect(0, &["schedule", "defaults", "--zone", "UTC"]);
    let listed = sandbox.expect(0, &["schedule", "list", "--json"]).json();
    let crons: Vec<(&str, &str)> = listed["schedules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["schedule"]["name"].as_str().unwrap(), one["schedule"]["cron"].as_str().unwrap()))
        .collect();
    assert_eq!(crons, [("full", "0 2 * * *"), ("quick", "0 */6 * * *"), ("review", "0 7 * * 1")]);
    sandbox.expect(0, &["schedule", "defaults", "--zone", "UTC"]).says(&["`full` is there already"]);
    sandbox.expect(0, &["schedule", "run-now", "review"]).says(&["review ran (manual)"]);
    sandbox.expect(0, &["schedule", "run", "--once"]);
    assert!(sandbox.expect(0, &["baseline", "review"]).out.contains("in order"));
}

#[test]
fn what_is_installed_is_shown_first_and_removed_exactly() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", GOOD);
    sandbox.expect(2, &["schedule", "install", "--systemd", "--user", "--dry-run"]).says(&["there is no schedule"]);
    sandbox
        .expect(0, &["schedule", "add", "n", "0 */6 * * *", "s.rhai", "--zone", "Europe/Berlin", "--jitter", "60 s"]);
    let shown = sandbox.expect(0, &["schedule", "install", "--systemd", "--user", "--dry-run"]).out;
    for part in [
        "/.config/systemd/user/engine-schedule-n.timer",
        "OnCalendar=*-*-* 00,06,12,18:00:00 Europe/Berlin",
        "RandomizedDelaySec=60",
        "Persistent=yes",
        "schedule run-now n --scheduled",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "engine-schedule-watch.timer",
    ] {
        assert!(shown.contains(part), "`{part}` is not in\n{shown}");
    }
    assert!(!sandbox.path(".config/systemd").exists(), "a dry run writes nothing");
    sandbox.file("units/other.timer", "theirs");
    let into = ["schedule", "install", "--systemd", "--into", "units"];
    sandbox.expect(0, &into);
    sandbox.expect(0, &into);
    sandbox.file("units/engine-schedule-n.timer", "changed by hand");
    let removed = sandbox.expect(0, &["schedule", "uninstall"]);
    removed.says(&["left", "engine-schedule-n.timer: it was changed", "removed"]);
    let mut left: Vec<String> = std::fs::read_dir(sandbox.path("units"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["engine-schedule-n.timer", "other.timer"]);
    let service = sandbox.expect(0, &["schedule", "install", "--systemd", "--service", "--user", "--dry-run"]).out;
    assert!(service.contains("benchmarking-automation.service") && service.contains("Restart=on-failure"), "{service}");
    sandbox.expect(0, &["schedule", "add", "l", "0 0 L * *", "s.rhai", "--zone", "UTC"]);
    sandbox.expect(2, &["schedule", "install", "--systemd", "--user", "--dry-run"]).says(&["--service"]);
}

#[test]
fn people_are_told_by_a_command_once_and_when_it_is_well_again() {
    let sandbox = Sandbox::new();
    let config = "[command]\nenabled = true\ncommand = [\"/bin/sh\", \"-c\", \"cat >> told; echo >> told\"]\n\
                  [command.only]\nrules = [\"expectation\"]\n"; // A busy machine is not healthy, and says so.
    sandbox.file("config/notify.toml", config);
    let told = || -> Vec<Value> {
        let text = std::fs::read_to_string(sandbox.path("told")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    sandbox.expect(0, &["alerts", "test", "command"]).says(&["`command` took the notice"]);
    assert_eq!(told()[0]["notice"]["kind"], "test");
    sandbox.expect(2, &["alerts", "test", "comand"]).says(&["did you mean `command`"]);
    sandbox.file("s.rhai", format!("suite(\"s\");\n{BAD}"));
    sandbox.expect(10, &["run", "s.rhai"]).says(&["sent 1 notice"]);
    sandbox.expect(10, &["run", "s.rhai"]);
    assert_eq!(told().len(), 2, "once");
    let notice = &told()[1]["notice"];
    assert_eq!((&notice["kind"], &notice["suite"]), (&"alert".into(), &"s".into()));
    let outbox = sandbox.expect(0, &["alerts", "outbox"]).out;
    assert!(outbox.contains("command sent, 1 try: s: p: time < 1 ns"), "{outbox}");
    // A failing command is tried again, and nothing is lost.
    sandbox.file("config/notify.toml", config.replace("cat >> told", "exit 3"));
    sandbox.file("t.rhai", format!("suite(\"t\");\n{BAD}"));
    sandbox.expect(10, &["run", "t.rhai"]).says(&["`/bin/sh` ended with exit status: 3", "tried again"]);
    sandbox.expect(13, &["alerts", "send", "--retry"]);
    sandbox.file("config/notify.toml", config);
    sandbox.expect(0, &["alerts", "send", "--retry"]).says(&["sent 1 notice"]);
    assert_eq!(told()[2]["notice"]["suite"], "t");
}

#[test]
fn settings_of_notices_are_checked_with_line_and_column_and_hinder_no_run() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", GOOD);
    sandbox.file("config/notify.toml", "[email]\nenabled = true\nhots = \"x\"\n");
    sandbox.expect(3, &["alerts", "send"]).says(&["config/notify.toml:3:1: unknown key `hots`, did you mean `host`?"]);
    sandbox.expect(0, &["run", "s.rhai"]).says(&["warning: nobody was told", "notify.toml:3:1"]);
    sandbox.file("config/notify.toml", "[slack]\nenabled = true\nwebhook_url = \"https://hooks.example/x\"\n");
    let refused = sandbox.expect(3, &["alerts", "test", "slack"]);
    refused.says(&["notify.toml:3:1: `slack.webhook_url` is a secret"]);
    assert!(!refused.err.contains("hooks.example"), "{}", refused.err);
    sandbox.file("config/notify.toml", "[slack]\nenabled = true\nwebhook_url = \"${env:NOT_SET}\"\n");
    sandbox.expect(13, &["alerts", "test", "slack"]).says(&["the variable `NOT_SET` is not set"]);
    std::fs::remove_file(sandbox.path("config/notify.toml")).unwrap();
    sandbox.expect(2, &["alerts", "send"]).says(&["no channel is enabled"]);
    sandbox.file("config/notify.json", "{\"email\": {\n  \"host\": 5}}");
    sandbox.expect(3, &["alerts", "send"]).says(&["config/notify.json:2:"]);
}

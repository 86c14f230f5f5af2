use super::*;

/// A target of a few lines of shell; `settings` come as its arguments.
fn shell(script: &str) -> Vec<String> {
    ["sh", "-c", script, "target"].map(str::to_owned).to_vec()
}

fn alive(pid: &str) -> bool {
    // A zombie is not alive, and one that nobody reaps here stays in the table.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn it_says_where_it_listens_and_ends_with_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("child");
    let script = format!(
        "sleep 600 & echo $! > {0}; echo \"$@\" > {0}.args; echo hello; echo listening on http://127.0.0.1:7; wait",
        path.display()
    );
    let settings = DemoTarget { workers: 3, ..DemoTarget::default() };
    let started = start(&shell(&script), &settings).unwrap();
    assert_eq!(started.url, "http://127.0.0.1:7");
    assert_eq!(started.ended(), None);
    let words = std::fs::read_to_string(folder.path().join("child.args")).unwrap();
    assert_eq!(words.trim(), "--workers 3 --until-input-ends");
    let (leader, child) = (started.pid.to_string(), std::fs::read_to_string(&path).unwrap());
    assert!(alive(&leader) && alive(child.trim()));
    drop(started);
    assert!(!alive(&leader), "it is gone");
    // What it started was killed with it, and is gone when it has had a processor once more.
    let end = Instant::now() + Duration::from_secs(60);
    while alive(child.trim()) {
        assert!(Instant::now() < end, "what it started goes on");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!std::path::Path::new(&format!("/proc/{leader}")).exists(), "it is no zombie either");
}

#[test]
fn one_that_will_not_end_is_killed() {
    let started =
        start(&shell("trap '' TERM; echo up on http://127.0.0.1:7; while :; do sleep 1; done"), &DemoTarget::default());
    let started = started.unwrap();
    let leader = started.pid.to_string();
    drop(started);
    assert!(!alive(&leader));
}

#[test]
fn one_that_dies_says_how_and_why() {
    let error = start(&shell("echo no port left >&2; exit 7"), &DemoTarget::default()).unwrap_err().to_string();
    assert_eq!(error, "the demo target ended before it listened (exit code 7): no port left");
    let error = start(&shell("kill -9 $$"), &DemoTarget::default()).unwrap_err().to_string();
    assert_eq!(error, "the demo target ended before it listened (signal 9)");
    let error = start(&["/no/such/program".to_owned()], &DemoTarget::default()).unwrap_err().to_string();
    assert!(error.starts_with("the demo target cannot be started: `/no/such/program`: No such file"), "{error}");
    assert!(start(&[], &DemoTarget::default()).unwrap_err().to_string().contains("no program was given"));
}

#[test]
fn one_that_says_nothing_is_not_waited_for_without_end() {
    let error = start_within(&shell("echo hm >&2; sleep 600"), &DemoTarget::default(), Duration::from_secs(5));
    let error = error.unwrap_err().to_string();
    // It has so long to say something else.
    assert_eq!(error, "the demo target did not say where it listens within 5.0 s: hm");
}

#[test]
fn its_death_is_seen_before_it_is_reaped() {
    let started = start(&shell("echo up on http://127.0.0.1:7; exit 3"), &DemoTarget::default()).unwrap();
    started.group.ended_within(Duration::from_secs(20));
    assert_eq!(started.ended().as_deref(), Some("exit code 3"));
    assert_eq!(started.ended().as_deref(), Some("exit code 3"), "asking does not change it");
}

#[test]
fn impossible_settings_start_nothing() {
    let settings = DemoTarget { errors: 2.0, ..DemoTarget::default() };
    assert!(start(&shell("exit 1"), &settings).unwrap_err().to_string().starts_with("`errors` of the demo target"));
}

//! Machine profiles: built in, the user's own, chosen by name, and what a run shows of them.

use crate::sandbox::{Ran, Sandbox};

/// Standard output contains every word.
#[track_caller]
fn shows(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(ran.out.contains(word), "`{word}` is not in\n{}", ran.out);
    }
}

const STEP: &str = "bench(cpu::fma());";

/// A profile that fits every machine with this processor name, and expects so much of its arithmetic.
fn own(model: &str, rate: &str) -> String {
    format!(
        "[machine]\ndescription = \"mine\"\n[match]\ncpu = \"{model}\"\n[[expected]]\nseries = \"cpu.fma.rate\"\n\
         value = \"{rate}\"\nkind = \"typical\"\nsource = \"measured by hand\"\n"
    )
}

#[test]
fn profiles_and_their_figures_are_listed() {
    let sandbox = Sandbox::new();
    shows(&sandbox.expect(0, &["list", "machines"]), &["ryzen-7800x3d", "built in", "Radeon RX 7900 XT"]);
    let figures = sandbox.expect(0, &["list", "machines", "ryzen-7800x3d"]);
    shows(&figures, &["memory.stream.rate", "ceiling", "2 channels x 6000 MT/s x 8 B"]);
    sandbox.expect(2, &["list", "machines", "nope"]).says(&["no machine profile `nope`", "ryzen-7800x3d"]);
}

#[test]
fn an_unknown_machine_is_a_usage_error_and_nothing_runs() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", "bench(cpu::primes(#{ limit: 1000 }));");
    let ran = sandbox.run(&["run", "s.rhai", "--profile", "tiny", "--machine", "ryzen-7800x3"]);
    assert_eq!(ran.code, 2);
    ran.says(&["`--machine`: there is no machine profile `ryzen-7800x3`, did you mean `ryzen-7800x3d`?"]);
    assert!(!ran.out.contains("cpu.primes"), "{}", ran.out);
}

#[test]
fn a_named_profile_is_shown_stored_and_reported_again() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", STEP);
    let ran = sandbox.expect(0, &["run", "s.rhai", "--profile", "tiny", "--machine", "ryzen-7800x3d"]);
    shows(&ran, &["Machine  profile ryzen-7800x3d, as named", "80.00 GFLOP/s", "cpu.fma.rate"]);
    let again = sandbox.expect(0, &["report", "@last"]);
    shows(&again, &["Machine  profile ryzen-7800x3d, as named", "80.00 GFLOP/s"]);
    let json = sandbox.expect(0, &["--json", "report", "@last"]).json();
    assert_eq!(json["machine_profile"]["name"], "ryzen-7800x3d");
    let expected = &json["steps"][0]["metrics"][0]["expected"];
    assert_eq!((&expected["value"], &expected["kind"]), (&80e9.into(), &"typical".into()));
    assert!(expected["share_ratio"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_users_own_profiles_stand_beside_the_configuration() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", STEP);
    sandbox.file("conf/engine.toml", "");
    sandbox.file("conf/machines/mine.toml", own("*", "1 MFLOP/s"));
    let run = ["--config", "conf/engine.toml", "run", "s.rhai", "--profile", "tiny"];
    let ran = sandbox.expect(0, &run);
    ran.says(&["machine profile mine (recognised)"]);
    shows(&ran, &["Machine  profile mine, recognised", "1.000 MFLOP/s"]);
    let listed = sandbox.expect(0, &["--config", "conf/engine.toml", "list", "machines"]);
    shows(&listed, &["mine", "this machine", "conf/machines"]);
    // One that fits another machine is not taken, and a broken one is told with its place.
    sandbox.file("conf/machines/mine.toml", own("no such processor", "1 MFLOP/s"));
    assert!(!sandbox.expect(0, &run).err.contains("machine profile mine"));
    sandbox.file("conf/machines/mine.toml", own("*", "1 furlong"));
    sandbox.expect(3, &run).says(&["conf/machines/mine.toml", "unknown unit `furlong`"]);
}

#[test]
fn an_expectation_reads_what_the_machine_should_reach() {
    let sandbox = Sandbox::new();
    let script = "suite(\"m\", #{ rounds: 5 });\nbench(#{ expect: [\"latency <= 4 * expected\"] }, tool::spawn());";
    sandbox.file("s.rhai", script);
    sandbox.file("conf/engine.toml", "");
    let figure = |value: &str| own("*", value).replace("cpu.fma.rate", "tool.spawn.latency");
    for (value, code) in [("1 h", 0), ("1 ns", 10)] {
        sandbox.file("conf/machines/mine.toml", figure(value));
        let ran = sandbox.run(&["--config", "conf/engine.toml", "run", "s.rhai"]);
        assert_eq!(ran.code, code, "{value}: {} {}", ran.out, ran.err);
    }
    std::fs::remove_file(sandbox.path("conf/machines/mine.toml")).unwrap();
    let unknown = sandbox.run(&["--config", "conf/engine.toml", "run", "s.rhai"]);
    assert_eq!(unknown.code, 0, "what nobody knows is no failure: {}", unknown.out);
    shows(&unknown, &["no machine profile fits this machine"]);
}

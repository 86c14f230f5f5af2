//! The verb `load`: plans, and what is wrong with a load.

use engine_core::load::PhaseShape;
use engine_core::plan::{Profile, Rounds, Work};
use engine_load::record::Kind;
use engine_load::spec::{CatchUp, Workload};
use engine_script::{Checked, Options, Permissions, check};
use engine_session::load::{TargetAt, Watched};

use crate::fakes::{look, options, plan, plan_with, text, trusted};
use crate::server::{Server, against, failures, request, row, run, scenario};

fn shape(step: &engine_core::plan::PlannedStep) -> &engine_core::load::LoadShape {
    let Work::Load { shape, .. } = &step.work else { panic!("{step:?}") };
    shape
}

#[test]
fn a_load_is_a_step_with_its_shape() {
    let plan = plan(
        "fn buyer(user) { user.get(\"/\"); }\nload(\"shop\", #{ target: \"http://127.0.0.1:8080/api\", journeys: [#{ run: buyer, share: 7 }, #{ run: |user| user.get(\"/x\"), share: 3 }],\n  phases: [#{ name: \"ramp\", rate: \"0/s -> 200/s\", duration: \"30 s\" }, #{ name: \"steady\", rate: \"200/s\", duration: \"60 s\", expect: [\"p99 < 1 s\", \"rate >= 0.99 * target\"] }],\n  expect: [\"errors < 1 %\"], tags: [\"a\"] });",
    );
    let step = &plan.steps[0];
    let shape = shape(step);
    assert_eq!((step.name.as_str(), step.rounds, step.estimate), ("shop", Rounds::Exact(1), 90.0));
    assert!(step.timeout >= 180.0);
    assert_eq!((shape.target.as_str(), shape.model.as_str()), ("http://127.0.0.1:8080/api", "arrivals in 2 phases"));
    assert_eq!(shape.journeys, ["buyer", "journey 2"]);
    let want = PhaseShape { name: "ramp".into(), start: 0.0, end: 30.0, rate: Some(100.0), users: None };
    assert_eq!((shape.phases.len(), &shape.phases[0]), (2, &want));
    let texts: Vec<&str> = plan.declarations[0].expect.iter().map(|expect| expect.text.as_str()).collect();
    assert_eq!(texts, ["errors < 1 %", "response{phase=steady}.p99 < 1 s", "rate{phase=steady} >= 0.99 * target"]);
    assert!(plan.declarations[0].expect.iter().all(|expect| expect.place.is_some()));
}

#[test]
fn a_check_implies_that_all_are_met() {
    let implied = |text: &str| {
        let plan = plan(text);
        plan.declarations[0].expect.iter().map(|expect| expect.text.clone()).collect::<Vec<_>>()
    };
    let load = "load(#{ target: \"http://127.0.0.1:1\", users: 1, duration: \"1 s\", journey: j EXPECT });";
    let checked =
        format!("fn look(user) {{ user.check(\"a\", true); }}\nfn j(user) {{ group(\"g\", || look(user)); }}\n{load}");
    assert_eq!(implied(&checked.replace("EXPECT", "")), ["checks == 100 %"]);
    assert_eq!(implied(&checked.replace("EXPECT", ", expect: [\"checks > 90 %\"]")), ["checks > 90 %"]);
    let none = format!("fn other(user) {{ user.check(\"a\", true); }}\nfn j(user) {{ user.get(\"/\"); }}\n{load}");
    assert_eq!(implied(&none.replace("EXPECT", "")), Vec::<String>::new());
}

#[test]
fn sweeps_and_cases_make_steps() {
    let plan = plan(
        "load(\"x\", #{ target: \"http://127.0.0.1:1\", duration: \"10 s\", journey: |user| user.get(\"/\"), sweep: #{ users: [1, 10] } }, |p| #{ users: p.users });\nload(\"y\", #{ target: \"http://127.0.0.1:1\", duration: \"10 s\", cases: [#{ name: \"slow\", rate: \"1/s\" }, #{ name: \"fast\", rate: \"9/s\" }], reference: \"slow\", expect: [\"response <= 1.1 * reference\"] }, |c| #{ arrivals: c.rate, journey: |user| user.get(\"/\" + c.name) });",
    );
    let paths: Vec<String> = plan.steps.iter().map(engine_core::plan::PlannedStep::path).collect();
    assert_eq!(paths, ["x{users=1}", "x{users=10}", "y{case=slow}", "y{case=fast}"]);
    assert_eq!(shape(&plan.steps[1]).model, "10 users");
    assert_eq!(shape(&plan.steps[3]).model, "arrivals 9/s");
}

#[test]
fn the_tiny_profile_is_short_and_thinks_nothing() {
    let tiny = Options { profile: Profile::Tiny, ..trusted() };
    let plan = plan_with(
        "fn j(user) { user.get(\"/\"); user.think(\"1 h\"); }\nlet t = \"http://127.0.0.1:1\";\nload(\"a\", #{ target: t, users: 3, duration: \"50 s\", warmup: \"1 h\", journey: j });\nload(\"b\", #{ target: t, arrivals: steps([\"5/s\", \"9/s\"], \"1 h\"), journey: j });\nload(\"c\", #{ target: t, phases: [#{ rate: \"5/s\", duration: \"1 s\" }, #{ rate: \"6/s\", duration: \"8 h\" }], journey: j });",
        &tiny,
    );
    let lengths: Vec<f64> = plan.steps.iter().map(|step| step.estimate).collect();
    assert_eq!(lengths, [0.5, 1.0, 1.2]);
    let server = Server::json("{}");
    let text = "load(#{ target: \"TARGET\", users: 2, iterations: 6, duration: \"1 h\", journey: |user| { user.get(\"/\"); user.think(\"1 h\"); user.pace(\"1 h\"); } });";
    let mut scenario = scenario(&text.replace("TARGET", &server.url()), tiny);
    assert_eq!(run(request(&mut scenario)).conservation.iterations_ended, 6);
}

/// The one error of a text, as code, message and help.
#[track_caller]
fn wrong(checked: &Checked) -> (String, String, String) {
    let all: Vec<String> = checked.diagnostics.iter().map(|d| d.render(false)).collect();
    assert!(!checked.is_good(), "it was accepted");
    assert_eq!(checked.diagnostics.len(), 1, "{}", all.join("\n"));
    let d = &checked.diagnostics[0];
    assert!(d.place.line > 0, "{}", all[0]);
    (d.code.to_owned(), d.message.clone(), d.help.clone().unwrap_or_default())
}

#[test]
fn what_is_wrong_with_a_load_is_found_without_running() {
    let load = |options: &str| format!("load(\"x\", #{{ target: \"http://127.0.0.1:1\", {options} }});");
    let j = "journey: |user| user.get(\"/\")";
    for (options, message) in [
        (format!("userz: 3, duration: \"1 s\", {j}"), "`load` has no option `userz`, did you mean `users`?"),
        (format!("users: 3, arrivals: \"1/s\", duration: \"1 s\", {j}"), "got both `arrivals` and `users`"),
        (format!("duration: \"1 s\", {j}"), "`load` needs one of `arrivals`, `users` and `phases`"),
        (format!("users: 3, {j}"), "`users` need a `duration`"),
        (format!("arrivals: \"5/s\", {j}"), "`arrivals` need a `duration`"),
        (format!("arrivals: \"-5/s\", duration: \"1 s\", {j}"), "`arrivals` must be from 0 to 10000000 a second"),
        (format!("arrivals: \"1e9/s\", duration: \"1 s\", {j}"), "`arrivals` must be from 0 to 10000000 a second"),
        (format!("arrivals: 5, duration: \"1 s\", {j}"), "`arrivals` must be a rate such as `\"200/s\"`, got `5`"),
        (format!("users: 0, duration: \"1 s\", {j}"), "`users` must be at least 1"),
        (format!("users: -1, duration: \"1 s\", {j}"), "`users` must be from 0 to 1000000"),
        (format!("users: 5, duration: \"5 MiB\", {j}"), "`duration` must be a time"),
        (format!("users: 5, late: \"2x\", duration: \"1 s\", {j}"), "`late` does not go with `users`"),
        (format!("arrivals: \"1/s\", late: \"sometimes\", duration: \"1 s\", {j}"), "`late` must be `\"burst\"`"),
        (format!("users: 5, warmup: \"2 s\", duration: \"1 s\", {j}"), "`warmup` leaves nothing of the 1 s"),
        ("users: 5, duration: \"1 s\"".to_owned(), "`load` needs a `journey`"),
        ("users: 5, duration: \"1 s\", journey: 5".to_owned(), "`journey` must be a function"),
        (
            "users: 5, duration: \"1 s\", journey: || 5".to_owned(),
            "`load` calls its function with one value, this closure takes 0",
        ),
        ("users: 5, duration: \"1 s\", journey: |a, b| 5".to_owned(), "this closure takes 2"),
        (format!("users: 5, duration: \"1 s\", {j}, expect: [\"respons.p95 < 1 s\"]"), "did you mean `response`?"),
        (format!("users: 5, duration: \"1 s\", {j}, expect: [\"response.p95 < 1 MiB\"]"), "a time"),
        (format!("users: 5, duration: \"1 s\", {j}, expect: [\"shop.rss < 1 MiB\"]"), "shop.rss"),
        (format!("users: 5, duration: \"1 s\", {j}, watch: #{{ shop: \"shop\" }}"), "`shop` must be `process"),
        (format!("phases: [#{{ name: \"a\", rate: \"1/s\" }}], {j}"), "phase `a` needs a `duration`"),
        (
            format!("phases: [#{{ rate: \"1/s\", duration: \"1 s\", rat: 1 }}], {j}"),
            "has no option `rat`, did you mean `rate`?",
        ),
        (
            format!("phases: [#{{ rate: \"1/s\", duration: \"1 s\" }}, #{{ users: 1, duration: \"1 s\" }}], {j}"),
            "either a `rate` each or `users` each",
        ),
        (
            format!("phases: [#{{ rate: \"1/s\", duration: \"1 s\", expect: [\"responce < 1 s\"] }}], {j}"),
            "did you mean `response`?",
        ),
    ] {
        let (code, said, _) = wrong(&look(&load(&options)));
        assert!(said.contains(message), "{options}\n{code}: {said}");
    }
    let (_, said, help) = wrong(&look("fn none() { }\nload(#{ users: 1, duration: \"1 s\", journey: none });"));
    assert!(said.contains("`none` takes 0") && help.contains("|user| .."), "{said} {help}");
    // Also where nobody calls it.
    let (code, said, _) = wrong(&look(
        "fn unused(user) { user.get(\"/x\", #{ stauts: 200 }); }\nload(#{ users: 1, duration: \"1 s\", journey: |user| user.get(\"http://127.0.0.1/\") });",
    ));
    assert!(code == "unknown-option" && said.contains("did you mean `status`?"), "{code}: {said}");
}

#[test]
fn requests_at_the_top_level_are_told_where_to_go() {
    let plain = "load(#{ users: 1, duration: \"1 s\", journey: |u| u.get(\"http://127.0.0.1/\") });";
    let (code, _, help) = wrong(&look(&format!("user.get(\"/\");\n{plain}")));
    assert!(code == "unknown-variable" && help.contains("fn buyer(user)"), "{code} {help}");
    for call in ["group(\"g\", || 1)", "stop(\"x\")", "ack(1)"] {
        let (code, said, help) = wrong(&look(&format!("{call};\n{plain}")));
        assert!(code == "misplaced" && help.contains("fn buyer(user)"), "{call}: {code} {said} {help}");
    }
    let (code, _, help) = wrong(&look(
        "load(#{ users: 1, duration: \"1 s\", sweep: #{ n: [1] }, journey: |u| u.get(\"http://127.0.0.1/\") }, |p| { group(\"g\", || 1); #{} });",
    ));
    assert!(code == "misplaced" && help.contains("fn buyer(user)"), "{code} {help}");
    assert_eq!(wrong(&look(&format!("let t = now();\n{plain}"))).0, "misplaced");
}

#[test]
fn other_hosts_need_a_permission() {
    let needs = |script: &str| {
        let checked = check(&text(script), &options());
        checked.diagnostics.iter().filter_map(|d| d.help.clone()).collect::<Vec<_>>()
    };
    let target =
        "load(#{ target: \"https://shop.example\", users: 1, duration: \"1 s\", journey: |user| user.get(\"/\") });";
    assert_eq!(needs(target), ["allow it with `--allow-net=shop.example:443`"]);
    let literal = "fn unused(user) { user.get(\"http://api.example:81/x\"); }\nload(#{ users: 1, duration: \"1 s\", journey: |user| user.get(\"http://localhost/\") });";
    assert_eq!(needs(literal), ["allow it with `--allow-net=api.example:81`"]);
    let granted = Options {
        permissions: Permissions { net: vec!["shop.example".into()], ..Permissions::default() },
        ..options()
    };
    let checked = check(&text(target), &granted);
    assert!(checked.is_good());
    assert_eq!(checked.permissions, ["--allow-net=shop.example:443"]);
}

#[test]
fn a_request_has_everything_that_was_said() {
    let mut scenario = scenario(
        "load(\"x\", #{ target: demo_target(#{ workers: 3, service: exponential(\"5 ms\"), body: \"4 KiB\", stalls: [#{ at: \"3 s\", lasts: \"1 s\" }] }), arrivals: \"100/s\", duration: \"10 s\", late: \"2x\", max_users: 77, seed: 9, threads: 2, graceful: \"3 s\", warmup: \"2 s\", counters: \"http://127.0.0.1:9/metrics\", watch: #{ shop: process(\"shop\"), db: process(12) }, journey: |user| user.get(\"/\") });",
        trusted(),
    );
    let request = request(&mut scenario);
    let Workload::Arrivals { plan, max_users, catch_up } = &request.load.workload else { panic!() };
    assert_eq!((plan.count_until(99.0), *max_users, *catch_up), (1000, 77, CatchUp::Limited(2.0)));
    assert_eq!((request.load.seed, request.load.threads, request.load.grace, request.warmup), (9, 2, 3.0, 2.0));
    assert_eq!(
        request.watch,
        [("db".to_owned(), Watched::Pid(12)), ("shop".to_owned(), Watched::Name("shop".to_owned()))]
    );
    assert_eq!(request.counters.as_deref(), Some("http://127.0.0.1:9/metrics"));
    let TargetAt::Demo(demo) = &request.at else { panic!() };
    assert_eq!((demo.workers, demo.body, demo.stalls.len(), demo.service.mean()), (3, 4096, 1, 0.005));
}

#[test]
fn arrivals_have_every_shape() {
    let server = Server::json("{}");
    let count = |arrivals: &str, duration: &str| {
        let outcome = against(
            &server,
            &format!(
                "load(#{{ target: \"TARGET\", arrivals: {arrivals}, duration: \"{duration}\", journey: |user| user.get(\"/\") }});"
            ),
        );
        assert_eq!(failures(&outcome), []);
        outcome.conservation.scheduled
    };
    assert_eq!(count("\"50/s\"", "1 s"), 50);
    assert_eq!(count("ramp(\"0/s\", \"100/s\")", "1 s"), 50);
    assert_eq!(count("steps([\"20/s\", \"40/s\"], \"0.5 s\")", "10 s"), 30);
    assert_eq!(count("bursts(\"100/s\", \"0.1 s\", \"0.1 s\")", "0.4 s"), 20);
    assert!((48..=52).contains(&count("sine(\"50/s\", \"50/s\", \"0.5 s\")", "1 s")));
    assert_eq!(count("replay([0.0, 0.1, 0.1, 0.3])", "1 s"), 4);
    let poisson = count("poisson(\"100/s\")", "1 s");
    assert!((50..=150).contains(&poisson), "{poisson}");
}

#[test]
fn the_same_seed_gives_the_same_users_on_any_number_of_threads() {
    let server = Server::json("{}");
    let paths = |threads: usize, seed: u64| {
        let before = server.seen().len();
        let outcome = against(
            &server,
            &format!(
                "load(#{{ target: \"TARGET\", users: 6, iterations_per_user: 3, threads: {threads}, seed: {seed}, journey: |user| {{ user.get(\"/\" + user.id + \"/\" + user.iteration + \"/\" + user.random(1..=1000) + user.pick([\"a\", \"b\"]) + uuid(), #{{ name: \"x\" }}); }} }});"
            ),
        );
        assert_eq!((failures(&outcome), row(&outcome, Kind::Request, "x").ok), (vec![], 18));
        let mut paths: Vec<String> = server.seen()[before..].iter().map(|seen| seen.path.clone()).collect();
        paths.sort();
        paths
    };
    let one = paths(1, 5);
    assert_eq!(one, paths(3, 5));
    assert_ne!(one, paths(1, 6));
}

#[test]
fn setup_and_teardown_have_a_user() {
    let server = Server::new(|seen| match seen.path.as_str() {
        "/admin/reset" => ("201 Created", "", "{\"order\": {\"id\": \"r7\"}}".to_owned()),
        _ => ("200 OK", "", "{}".to_owned()),
    });
    let text = "setup(|user| #{ run: user.post(\"/admin/reset\", #{ headers: #{ \"X-Admin\": secret(\"T\") }, status: 201 }).json(\"order.id\") });\nload(\"s\", #{ target: \"TARGET\", users: 2, iterations: 4, journey: |user| user.get(\"/feed?run=\" + user.setup.run, #{ name: \"feed\" }) });\nteardown(|user| user.post(\"/end\"));";
    let options = Options { env: std::sync::Arc::new(|_| Some("hidden".to_owned())), ..trusted() };
    let mut scenario = scenario(&text.replace("TARGET", &server.url()), options);
    use engine_session::Scripted;
    let mut session = crate::fakes::FakeSession::default();
    scenario.setup(&mut session).unwrap();
    let outcome = run(request(&mut scenario));
    scenario.teardown(&mut session).unwrap();
    assert_eq!(failures(&outcome), []);
    let seen = server.seen();
    assert_eq!((seen[0].path.as_str(), seen[0].header("x-admin")), ("/admin/reset", Some("hidden")));
    assert_eq!(seen.iter().filter(|seen| seen.path == "/feed?run=r7").count(), 4);
    assert_eq!(seen.last().map(|seen| seen.path.as_str()), Some("/end"));
}

#[test]
fn a_setup_that_fails_says_why() {
    let server = Server::new(|_| ("503 Busy", "", "no".to_owned()));
    let load = "load(#{ target: \"TARGET\", users: 1, iterations: 1, journey: |user| user.get(\"/\") });";
    for (setup, said) in [
        ("setup(|user| user.get(\"/x\").json(\"a\"));", "status 503"),
        ("setup(|user| user.get(\"/x\").nothing);", "a.rhai:1:"),
        ("setup(|user| #{ f: || 1 });", "`setup` must return plain data"),
    ] {
        let mut scenario = scenario(&format!("{setup}\n{load}").replace("TARGET", &server.url()), trusted());
        use engine_session::Scripted;
        let error = scenario.setup(&mut crate::fakes::FakeSession::default()).unwrap_err();
        assert!(error.to_string().contains(said), "{setup}: {error}");
    }
}

#[test]
fn once_runs_each_journey_once_and_tells_what_happens() {
    let server = Server::json("{\"a\": 1}");
    let lines: std::sync::Arc<std::sync::Mutex<Vec<String>>> = std::sync::Arc::default();
    let list = std::sync::Arc::clone(&lines);
    let options = Options {
        once: true,
        trace: Some(std::sync::Arc::new(move |line: &str| list.lock().unwrap().push(line.to_owned()))),
        ..trusted()
    };
    let text = "fn one(user) { user.get(\"/one\"); user.think(\"1 h\"); user.check(\"good\", false); }\nfn two(user) { user.state.n = 5; log(\"here\"); user.post(\"/two\").json(\"b\"); }\nload(#{ target: \"TARGET\", arrivals: \"1000/s\", duration: \"1 h\", journeys: [#{ run: one, share: 9 }, two] });";
    let mut scenario = scenario(&text.replace("TARGET", &server.url()), options);
    let outcome = run(request(&mut scenario));
    assert_eq!((outcome.conservation.iterations, server.seen().len()), (2, 2));
    let lines = lines.lock().unwrap().join("\n");
    for part in [
        "GET /one -> 200, 8 bytes",
        "check `good` NOT met",
        "thinks 3600.000 s, skipped",
        "says: here",
        "state: #{\"n\": 5}",
        "FAILED: script error: a.rhai:2:",
    ] {
        assert!(lines.contains(part), "{part} is not in\n{lines}");
    }
}

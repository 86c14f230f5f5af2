//! The verbs `capacity` and `scale`: plans, and what is wrong with them.

use engine_core::arrivals::Spacing;
use engine_core::load::{CapacityShape, ScaleShape, Varied};
use engine_core::plan::{Plan, PlannedStep, Profile, Rounds, Work};
use engine_script::Options;

use crate::fakes::{only_error, options, plan, plan_with};

/// The scenario that the API was designed with.
const SEARCH: &str = r#"//! How much can it take, and is that enough for Friday?
fn search(user) { user.get("/search?q=" + user.pick(["red", "blue"]), #{ name: "search", status: 200 }); }
for kib in [1, 64] {
    capacity(`search.${kib}k`, #{ target: demo_target(#{ body: `${kib} KiB` }), journey: search,
        slo: ["response.p99 < 200 ms", "errors < 0.1 %", "lag.p99 < 5 ms"],
        from: "50/s", to: "5000/s", step: "20 s", precision: "2 %", expect: ["capacity >= " + param("need", "1500/s")] });
}
"#;

fn search(step: &PlannedStep) -> &CapacityShape {
    let Work::Capacity { search, .. } = &step.work else { panic!("{step:?}") };
    search
}

fn sweep(plan: &Plan) -> &ScaleShape {
    let Work::Scale { sweep, .. } = &plan.steps[0].work else { panic!("{plan:?}") };
    sweep
}

fn tiny() -> Options {
    Options { profile: Profile::Tiny, ..options() }
}

#[test]
fn a_search_is_a_step_with_its_service_level() {
    let plan = plan(SEARCH);
    let names: Vec<&str> = plan.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["search.1k", "search.64k"]);
    let want = CapacityShape {
        slo: ["response.p99 < 200 ms", "errors < 0.1 %", "lag.p99 < 5 ms"].map(str::to_owned).to_vec(),
        from: 50.0,
        to: 5000.0,
        step: 20.0,
        precision: 0.02,
        most: 60,
        spacing: Spacing::Even,
        max_users: None,
    };
    assert_eq!((search(&plan.steps[1]), plan.steps[1].rounds), (&want, Rounds::Exact(1)));
    assert_eq!(plan.declarations[0].expect[0].text, "capacity >= 1500/s");
    assert!(plan.steps[0].estimate > 5.0 * 20.0 && plan.steps[0].timeout > 60.0 * 20.0);
    let small = plan_with(SEARCH, &tiny());
    assert_eq!((search(&small.steps[0]).most, search(&small.steps[0]).step), (3, 0.2));
}

#[test]
fn a_check_is_part_of_the_service_level() {
    let text = "capacity(#{ target: \"http://127.0.0.1:1\", journey: |user| user.check(\"a\", true) });";
    let plan = plan(text);
    assert_eq!(search(&plan.steps[0]).slo, ["checks == 100 %"]);
    assert!(plan.declarations[0].expect.is_empty() && plan.steps[0].name == "capacity");
}

#[test]
fn a_sweep_is_a_step_with_its_levels() {
    let text = |options: &str| {
        format!("scale(\"s\", #{{ target: \"http://127.0.0.1:1\", journey: |user| user.get(\"/\"), {options} }});")
    };
    let users = plan(&text(
        "users: [8, 1, 2], hold: \"12 s\", expect: [\"knee >= 2\", \"alpha < 5 %\", \"rate{users=8} > 2 * rate{users=1}\"]",
    ));
    let want = ScaleShape {
        of: Varied::Users,
        levels: vec![8.0, 1.0, 2.0],
        hold: 12.0,
        most: 48.0,
        spacing: Spacing::Even,
        max_users: None,
    };
    assert_eq!(sweep(&users), &want);
    assert_eq!(sweep(&plan(&text("users: 1..=4"))).levels, [1.0, 2.0, 3.0, 4.0]);
    let rates = plan(&text("rates: [\"10/s\", \"20/s\"], spacing: \"poisson\", most: \"1 min\", max_users: 7"));
    let sweep_of = sweep(&rates);
    assert_eq!(
        (sweep_of.of, sweep_of.levels.as_slice(), sweep_of.spacing),
        (Varied::Rate, &[10.0, 20.0][..], Spacing::Poisson)
    );
    assert_eq!((sweep_of.most, sweep_of.max_users), (60.0, Some(7)));
    assert_eq!(sweep(&plan_with(&text("users: [1, 2, 4, 8]"), &tiny())).levels, [1.0, 2.0, 4.0]);
}

#[test]
fn what_is_wrong_is_said() {
    for (call, message) in [
        ("capacity(#{ JOURNEY, from: \"9/s\", to: \"2/s\" });", "`from` must not be above `to`"),
        ("capacity(#{ JOURNEY, from: \"0/s\" });", "`from` must be above 0/s"),
        ("capacity(#{ JOURNEY, arrivals: \"9/s\" });", "`capacity` has no option `arrivals`"),
        ("capacity(#{ JOURNEY, slo: [\"capacity > 5/s\"] });", "unknown metric `capacity`"),
        ("capacity(#{ JOURNEY, slo: [\"response.p99 < 5 MiB\"] });", "`response.p99 < 5 MiB`"),
        ("capacity(#{ JOURNEY, slo: [\"response.p99 < 2 * baseline\"] });", "only itself and a number"),
        ("capacity(#{ JOURNEY, expect: [\"capacity > 5 s\"] });", "`capacity > 5 s`"),
        ("capacity(#{ JOURNEY, expect: [\"availability > 5 %\"] });", "unknown metric `availability`"),
        ("capacity(#{ JOURNEY, spacing: \"poison\" });", "did you mean `poisson`"),
        ("capacity(#{ target: \"http://127.0.0.1:1\" });", "`capacity` needs a `journey`"),
        ("capacity(5);", "`capacity` takes a name and options"),
        ("scale(#{ JOURNEY });", "`scale` needs one of `users` and `rates`"),
        ("scale(#{ JOURNEY, users: [1], rates: [\"1/s\"] });", "`scale` takes one of `users` and `rates`"),
        ("scale(#{ JOURNEY, users: [1, 1] });", "different levels"),
        ("scale(#{ JOURNEY, users: [0] });", "whole numbers from 1"),
        ("scale(#{ JOURNEY, users: [1, 2], hold: \"9 s\", most: \"2 s\" });", "`most` must not be below `hold`"),
    ] {
        let script = call.replace("JOURNEY", "target: \"http://127.0.0.1:1\", journey: |user| user.get(\"/\")");
        let error = only_error(&script);
        let told = format!("{} {}", error.message, error.help.clone().unwrap_or_default());
        assert!(told.contains(message), "{script}\n{told}");
    }
}

//! The verb `stress` and the stressors: plans, and what is wrong with them.

use engine_core::plan::{Plan, Profile, Rounds, Warmup, Work};
use engine_core::stress::{Measured, StressShape};
use engine_script::Options;

use crate::fakes::{check_error, only_error, options, plan, plan_with};

fn shape(plan: &Plan, step: usize) -> &StressShape {
    let Work::Stress { shape } = &plan.steps[step].work else { panic!("{plan:?}") };
    shape
}

fn names(shape: &StressShape) -> Vec<String> {
    shape.backgrounds.iter().map(|one| format!("{}@{}", one.name, one.intensity)).collect()
}

#[test]
fn each_background_has_each_intensity() {
    let plan = plan(
        "stress(\"noise\", #{ background: [stress::cpu(), stress::memory(#{ mode: \"bandwidth\" }), [stress::cache(), stress::timers()],\n\
         #{ name: \"mine\", run: stress::io(#{ mode: \"fsync\" }), intensity: 7 }], intensity: [25, 100], measure: memory::stream() });",
    );
    let shape = shape(&plan, 0);
    let wanted = [
        "cpu@25",
        "cpu@100",
        "memory.bandwidth@25",
        "memory.bandwidth@100",
        "cache+timers@25",
        "cache+timers@100",
        "mine@7",
    ];
    assert_eq!(names(shape), wanted);
    assert_eq!(shape.backgrounds[4].stressors.len(), 2);
    assert_eq!(shape.backgrounds[6].stressors[0].args.whole("intensity"), 7);
    assert!(matches!(&shape.measured, Measured::Probe { id, of, .. } if id == "memory.stream" && of.metric == "rate"));
    let step = &plan.steps[0];
    assert_eq!((step.rounds, step.warmup), (Rounds::Exact(5), Warmup::Rounds(0)));
    assert!(step.estimate > 7.0 * 0.2, "{}", step.estimate);
}

#[test]
fn the_stressors_are_measured_where_nothing_else_is() {
    let plan = plan(
        "stress(\"limits\", #{ background: [stress::cpu(#{ intensity: 30, kernel: \"float\", ramp: \"1 s\" })], hold: \"9 s\",\n\
         rounds: 2, expect: [\"stressor.rate > 0/s\"] });",
    );
    let shape = shape(&plan, 0);
    assert_eq!((names(shape), plan.steps[0].rounds), (vec!["cpu.float@30".to_owned()], Rounds::Exact(2)));
    assert_eq!(shape.measured, Measured::Nothing { hold: 9.0 });
    assert!(shape.seconds() > 10.0, "the ramp counts");
}

#[test]
fn a_load_is_measured_as_well_and_points_have_their_own() {
    let plan = plan(
        "fn buyer(user) { user.get(\"/\"); }\n\
         stress(\"web\", #{ background: [stress::cpu()], of: \"response.p99.9\", sweep: #{ rate: [100, 200] },\n\
         measure: |p| #{ target: demo_target(), arrivals: `${p.rate}/s`, duration: \"5 s\", journey: buyer } });\n\
         load(\"after\", #{ target: demo_target(), arrivals: \"1/s\", duration: \"1 s\", journey: buyer });",
    );
    assert_eq!(
        plan.steps.iter().map(|step| step.path()).collect::<Vec<_>>(),
        ["web{rate=100}", "web{rate=200}", "after"]
    );
    let Measured::Load { index, shape: load, of } = &shape(&plan, 1).measured else { panic!("{plan:?}") };
    assert!(load.model.contains("200/s"), "{load:?}");
    assert_eq!((of.describe(), *index), ("response.p99.9".to_owned(), 0));
    let Work::Load { index, .. } = &plan.steps[2].work else { panic!("{plan:?}") };
    assert_eq!(*index, 1, "the loads of stress have numbers of their own");
}

#[test]
fn the_tiny_profile_is_small() {
    let tiny = Options { profile: Profile::Tiny, ..options() };
    let plan = plan_with(
        "stress(\"x\", #{ background: [stress::memory(#{ share: 40, ramp: \"9 s\" })], hold: \"1 min\", settle: \"5 s\" });",
        &tiny,
    );
    let shape = shape(&plan, 0);
    assert!(shape.seconds() < 1.0 && shape.backgrounds[0].ramp() <= 0.1, "{shape:?}");
    assert_eq!(shape.backgrounds[0].stressors[0].args.whole("share"), 0);
    assert_eq!(plan.steps[0].rounds, Rounds::Exact(1));
}

#[test]
fn what_is_wrong_is_said() {
    for (call, message) in [
        ("stress(#{ background: [] });", "`stress` needs a `background`"),
        ("stress(#{ });", "`stress` needs a `background`"),
        ("stress(5);", "`stress` takes a name, options"),
        ("stress(#{ backgrund: [stress::cpu()] });", "did you mean `background`"),
        ("stress(#{ background: [stress::cpu(), stress::cpu()] });", "two backgrounds are called `cpu`"),
        ("stress(#{ background: [memory::stream()] });", "`memory.stream` is a probe"),
        ("stress(#{ background: [stress::cpu()], measure: stress::timers() });", "cannot be measured beside stressors"),
        ("stress(#{ background: [stress::cpu()], measure: 5 });", "a spec or the options of a load"),
        ("stress(#{ background: [#{ name: \"quiet\", run: stress::cpu() }] });", "cannot name a background"),
        ("stress(#{ background: [#{ run: stress::cpu(), share: 3 }] });", "`background` has no option `share`"),
        ("stress(#{ background: [stress::cpu()], intensity: 0 });", "whole percent from 1 to 100"),
        ("stress(#{ background: [stress::cpu()], intensity: [50, 50] });", "50 twice"),
        ("stress(#{ background: [stress::cpu()], of: \"rate\" });", "`of` needs something that is measured"),
        ("stress(#{ background: [stress::cpu()], of: \"rte\", measure: memory::stream() });", "did you mean `rate`"),
        ("stress(#{ background: [stress::cpu()], hold: \"1 s\", measure: memory::stream() });", "`hold` is for stress"),
        ("stress(#{ background: [stress::cpu()], hold: \"-1 s\" });", "`hold`"),
        ("stress(#{ background: [stress::cpu()], hold: \"2 h\" });", "at most 500 s"),
        ("stress(#{ background: [stress::cpu()], hold: \"inf s\" });", "`hold`"),
        (
            "stress(#{ background: [stress::cpu()], sweep: #{ n: [1] }, measure: memory::stream() });",
            "needs a function",
        ),
        (
            "stress(#{ background: [stress::cpu()], measure: memory::stream(), expect: [\"slowdwn < 2\"] });",
            "unknown metric `slowdwn`",
        ),
        (
            "stress(#{ background: [stress::cpu()], measure: memory::stream(), expect: [\"slowdown{background=cup} < 2\"] });",
            "no background is `cup`, did you mean `cpu`?",
        ),
        ("bench(stress::cpu());", "`bench` does not run `stress.cpu`"),
        ("bench(\"x\", #{}, |p| stress::cpu());", "`bench` does not run `stress.cpu`"),
    ] {
        let error = only_error(call);
        let told = format!("{} {}", error.message, error.help.clone().unwrap_or_default());
        assert!(told.contains(message), "{call}\n{told}");
    }
}

#[test]
fn options_of_stressors_are_complained_about_where_they_stand() {
    check_error(
        "stress(#{ background: [\n  stress::cpu(#{ intensitty: 50 })] });",
        2,
        18,
        "`stress.cpu` has no option `intensitty`, did you mean `intensity`?",
    );
    check_error(
        "stress(#{ background: [stress::cpu(#{ duration: \"-1 s\" })] });",
        1,
        39,
        "`duration` must be at least 10 ms, got `-1 s`",
    );
    check_error(
        "stress(#{ background: [stress::cpu(#{ intensity: 101 })] });",
        1,
        39,
        "`intensity` must be at most 100, got `101`",
    );
    check_error(
        "stress(#{ background: [stress::memory(#{ mode: \"bandwith\" })] });",
        1,
        42,
        "`mode` must be `\"fill\"` or `\"bandwidth\"` or `\"allocate\"` or `\"fault\"`, got `bandwith`, did you mean `bandwidth`?",
    );
    check_error(
        "stress(#{ background: [stress::cpu()],\n measure: #{ arivals: \"1/s\", journey: |u| u.get(\"/\") } });",
        2,
        14,
        "`stress` has no option `arivals`, did you mean `arrivals`?",
    );
}

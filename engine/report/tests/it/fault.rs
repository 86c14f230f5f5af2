//! Faults in every format.

use engine_core::args::Args;
use engine_core::event::StopReason;
use engine_core::fault::{
    Baseline, Criteria, DataCheck, FaultRecord, FaultShape, Injection, Mark, ReadyShape, Recovery, Seen, VictimKind,
    VictimShape, fault_metric,
};
use engine_core::load::LoadShape;
use engine_core::measurement::{Measurement, Round};
use engine_core::plan::{Rounds, Work};
use engine_core::run::{RunRecord, StepRecord};
use engine_core::series::Labels;
use engine_core::step::Outcome;
use engine_report::text::{self, Style};
use engine_report::{Report, json, markdown};

use crate::fixture;

fn shape() -> FaultShape {
    FaultShape {
        victim: VictimShape {
            what: VictimKind::Service(vec!["./shop".into(), "{port}".into()]),
            ready: ReadyShape::Tcp,
            within: 10.0,
            restart: Some(1.0),
            memory: None,
            port: None,
        },
        inject: Injection { id: "faults.crash".into(), args: Args::default() },
        warmup: 0.0,
        after: 30.0,
        lasts: 0.0,
        within: 20.0,
        window: 1.0,
        criteria: Criteria::default(),
        verify: true,
        judged: true,
    }
}

fn repetition(round: u32, recovery: Recovery, lost: u64) -> FaultRecord {
    let mark = |at, what: &str| Mark { at, what: what.into() };
    FaultRecord {
        step: 0,
        round,
        mechanism: "SIGKILL by pidfd".into(),
        passed_over: vec![],
        marks: vec![mark(30.01, "fault: SIGKILL by pidfd"), mark(33.0, "well again")],
        recovery,
        data: Some(DataCheck { acknowledged: 3000, checked: 3000, lost, examples: vec!["2987".into()] }),
    }
}

pub(crate) fn fault() -> RunRecord {
    let mut record = fixture::run();
    let mut plan = fixture::planned("shop.crash", &[], "none");
    plan.work = Work::Fault { index: 0, shape: LoadShape::default(), fault: Box::new(shape()) };
    plan.rounds = Rounds::Exact(3);
    let baseline = Baseline { p95: 0.012, errors: 0.0, rate: 100.0, windows: 30 };
    let seen = |recover| Seen { baseline, detect: Some(0.0), recover, worst_p95: 2.0, failed: 140, ..Seen::default() };
    let values = [("recover", vec![2.5, 3.0]), ("lost", vec![0.0, 7.0, 0.0])];
    let measurements = values.into_iter().map(|(id, values)| {
        let round = |(number, value)| Round { number, seconds: 55.0, values: vec![value], ..Round::default() };
        let metric = fault_metric(id).unwrap().metric();
        Measurement { metric, labels: Labels::new(), rounds: (0..).zip(values).map(round).collect() }
    });
    record.steps = vec![StepRecord {
        plan: plan.clone(),
        outcome: Some(Outcome::Measured),
        stop: Some(StopReason::Done),
        measurements: measurements.collect(),
        windows: vec![],
    }];
    record.header.plan.steps = vec![plan];
    record.faults = vec![
        repetition(0, Recovery::Seen(seen(Some(2.5))), 0),
        repetition(1, Recovery::Seen(seen(None)), 7),
        repetition(2, Recovery::Inconclusive { reason: "9 windows before the fault".into() }, 0),
    ];
    record.notes.clear();
    record.judged.clear();
    record
}

#[test]
fn a_fault_is_told_with_its_verdict_its_course_and_what_the_words_mean() {
    let record = fault();
    let report = Report::of(&record);
    let plain = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for shown in [plain(text::summary(&report, Style::new(100, false, true))), plain(markdown::report(&report))] {
        for want in [
            "recovered in 1 of 3, not recovered in 1 of 3, inconclusive in 1 of 3",
            "mechanism: SIGKILL by pidfd",
            "faults.crash on `./shop {port}`, started again after 1 s after 30 s",
            "2.750 s",
            "2.500 s .. 3 s",
            "3000 acknowledged, 3000 asked for, 7 lost, such as 2987",
            "inconclusive: 9 windows before the fault",
            "30.01 s fault: SIGKILL by pidfd",
            "from the removal of the fault to the first of 5 windows in a row",
        ] {
            // Markdown escapes what could be read as its own signs.
            assert!(shown.replace('\\', "").contains(want), "`{want}` is not in\n{shown}");
        }
    }
    let document: serde_json::Value = serde_json::from_str(&json::report(&report)).unwrap();
    let fault = &document["steps"][0]["fault"];
    assert_eq!(fault["repetitions"][1]["verdict"], "not recovered");
    assert_eq!(fault["repetitions"][0]["recover_seconds"], 2.5);
    assert_eq!(fault["repetitions"][1]["lost"], 7);
    assert_eq!(fault["repetitions"][2]["reason"], "9 windows before the fault");
}

#[test]
fn what_a_victim_says_reaches_no_terminal_as_it_is() {
    let mut record = fault();
    let evil = "\u{1b}[2J<script>\n## x";
    record.faults[0].mechanism = evil.into();
    record.faults[0].marks[0].what = evil.into();
    record.faults[0].data = Some(DataCheck { examples: vec![evil.into()], ..DataCheck::default() });
    let report = Report::of(&record);
    assert!(!text::summary(&report, Style::new(100, false, true)).contains('\u{1b}'));
    let shown = markdown::report(&report);
    assert!(!shown.contains('\u{1b}') && !shown.contains("<script>") && !shown.contains("\n## x"), "{shown}");
}

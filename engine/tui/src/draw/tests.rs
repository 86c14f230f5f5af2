use engine_core::host_sample::HostSample;
use engine_core::progress::Progress;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::live::{Line as Remark, Mark, StepLine};

fn step(name: &str, mark: Mark, result: &str) -> StepLine {
    StepLine { name: name.to_owned(), mark, rounds: 2, most: 5, result: result.to_owned() }
}

fn live() -> Live {
    let mut live = Live::new("quick · run 01m8cq");
    live.at = 83.4;
    live.progress = Some(Progress { share: 0.42, left: 115.0 });
    live.steps = vec![
        step("cpu.primes", Mark::Good, "rate 47095303/s ±0.6 %, 5 rounds"),
        step("memory.stream{kernel=triad}", Mark::Running, ""),
        step("storage.fsync", Mark::Waiting, ""),
        step("gpu.compute", Mark::Skipped, "skipped: no Vulkan device"),
        step("tool.command", Mark::Bad, "failed: exit 1"),
    ];
    live.current = Some(1);
    for at in 0..40_u32 {
        live.sample(&HostSample {
            cpu: f64::from(at) / 40.0,
            cores: vec![0.25, 0.75],
            memory_used: 3 << 30,
            memory_total: 24 << 30,
            disk_read: Some(1e6 * f64::from(at)),
            load: Some(1.25),
            own_memory: 50 << 20,
            own_cpu: 0.5,
            ..HostSample::default()
        });
        live.load.rate.push(500.0 + f64::from(at));
        live.load.errors.push(f64::from(at % 3));
        live.load.latency.iter_mut().zip(1..).for_each(|(ring, times)| ring.push(f64::from(times) * 1e-3));
    }
    live.load.name = "shop".to_owned();
    live.load.phase = "steady".to_owned();
    live.load.users = 12;
    live.load.under_way = Some((1, 40.0));
    live.load.classes = vec![("status 500".to_owned(), 31), ("timeout".to_owned(), 2)];
    live.lines.push(Remark { at: 12.0, text: "other processes use 96 % of the CPUs".to_owned(), bad: false });
    live.lines.push(Remark { at: 40.0, text: "tool.command: exit 1".to_owned(), bad: true });
    live
}

fn drawn(live: &Live, look: Look, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| all(frame, live, &look)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn a_run_fits_into_a_usual_terminal() {
    insta::assert_snapshot!(drawn(&live(), Look::default(), 80, 24));
}

#[test]
fn a_wide_terminal_shows_more() {
    insta::assert_snapshot!(drawn(&live(), Look::default(), 132, 32));
}

#[test]
fn a_panel_can_have_the_whole_screen() {
    insta::assert_snapshot!(drawn(&live(), Look { panel: Panel::Load, expanded: true, ..Look::default() }, 80, 24));
}

#[test]
fn the_machine_alone() {
    let mut machine = Live::new("this machine");
    machine.host = live().host;
    insta::assert_snapshot!(drawn(&machine, Look::default(), 80, 16));
}

#[test]
fn help_and_the_question_are_readable() {
    let help = drawn(&live(), Look { help: true, ..Look::default() }, 80, 24);
    assert!(HELP.iter().all(|line| help.contains(line)), "{help}");
    assert!(drawn(&live(), Look { asking: true, ..Look::default() }, 80, 24).contains("End the run?"));
}

#[test]
fn no_size_panics() {
    for width in [1, 20, 59, 60, 61, 80, 300] {
        for height in [1, 5, 15, 16, 17, 24, 100] {
            for expanded in [false, true] {
                for panel in Panel::ALL {
                    drawn(
                        &live(),
                        Look { panel, expanded, scroll: i32::MAX / 2, help: true, ..Look::default() },
                        width,
                        height,
                    );
                    drawn(&Live::default(), Look { panel, expanded, ..Look::default() }, width, height);
                }
            }
        }
    }
    assert!(drawn(&live(), Look::default(), 40, 10).contains("too small"));
}

#[test]
fn a_long_list_follows_the_running_step_unless_frozen() {
    let mut long = live();
    long.steps = (0..200).map(|at| step(&format!("step{at:03}"), Mark::Waiting, "")).collect();
    long.current = Some(150);
    let seen = drawn(&long, Look::default(), 80, 24);
    assert!(seen.contains("step150") && !seen.contains("step000"), "{seen}");
    let frozen = drawn(&long, Look { frozen: true, ..Look::default() }, 80, 24);
    assert!(frozen.contains("step000") && !frozen.contains("step150"), "{frozen}");
    let end = drawn(&long, Look { scroll: i32::MAX / 2, ..Look::default() }, 80, 24);
    assert!(end.contains("step199"), "{end}");
}

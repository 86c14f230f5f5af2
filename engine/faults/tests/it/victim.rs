//! Victims that behave and victims that do not, faults on them, and services under supervision.

use std::sync::Arc;

use engine_faults::Mechanism;
use engine_faults::caps::Caps;
use engine_faults::disk::{Facts, choose};
use engine_faults::fault::{Crash, Fault, FaultError, Injected, inject};
use engine_faults::journal::{Journal, status};
use engine_faults::process::{Stat, marked};
use engine_faults::service::{Place, Ready, Service, ServiceError, ServiceSpec, What};
use engine_faults::victim::{Spec, Victim, VictimError};

use crate::{CHILD, launcher, names, wait_until};

struct Scene {
    folder: tempfile::TempDir,
    scratch: tempfile::TempDir,
    journal: Arc<Journal>,
    caps: Caps,
}

impl Scene {
    fn new() -> Self {
        let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let journal = Journal::open(folder.path(), launcher()).unwrap();
        // Tests shall run on a lone processor and a full disk, too.
        let caps = Caps { lone_utilisation: 100, disk_left: 0, disk_share_left: 0.0, ..Caps::default() };
        Self { folder, scratch, journal, caps }
    }

    fn spec(command: &[&str]) -> Spec {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        Spec { command, grace: 0.2, longest: 300.0, ..Spec::default() }
    }

    fn start(&self, spec: &Spec) -> Victim {
        Victim::start(&self.journal, &self.caps, spec, self.scratch.path()).unwrap()
    }

    fn inject(&self, victim: &Victim, fault: &Fault) -> Injected {
        inject(&self.journal, &self.caps, &victim.into(), fault, None, 60.0)
            .unwrap_or_else(|error| panic!("{fault:?}: {error}"))
    }

    /// Nothing is left of anything.
    fn clean(&self) {
        assert_eq!(names(self.scratch.path()), Vec::<String>::new());
        let status = status(self.folder.path()).unwrap();
        assert!(status.active.is_empty(), "{:?}", status.active);
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        for record in &status.ended {
            assert!(marked(&record.id).is_empty(), "{} lives on", record.what);
            assert!(!mounts.contains(&record.id), "{} is still mounted", record.what);
            wait_until("no loop device has a file of it", || !looped(&record.id));
            for hierarchy in ["memory", "freezer", "pids"] {
                let group = format!("/sys/fs/cgroup/{hierarchy}/engine-fault-{}-victim", record.id);
                assert!(!std::path::Path::new(&group).exists(), "{group}");
            }
        }
    }

    fn place(&self) -> Place {
        Place::new(Arc::clone(&self.journal), self.caps.clone(), self.scratch.path())
    }
}

/// Whether a loop device has a file with this in its name.
fn looped(part: &str) -> bool {
    let devices = std::fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let file = |device: std::fs::DirEntry| std::fs::read_to_string(device.path().join("loop/backing_file"));
    devices.filter_map(|device| file(device).ok()).any(|file| file.contains(part))
}

const DEAF: &str = "trap '' TERM INT HUP; while :; do sleep 1; done";

#[test]
fn victims_of_every_kind_end_and_leave_nothing() {
    let scene = Scene::new();
    for command in [
        vec!["sleep", "600"],
        vec!["sh", "-c", DEAF],
        vec!["sh", "-c", "(setsid sleep 600 &) ; (setsid setsid sh -c 'sleep 601' &) ; sleep 600"],
        vec!["yes", "for ever"],
        vec!["sh", "-c", "kill -STOP $$"],
    ] {
        let victim = scene.start(&Scene::spec(&command));
        let process = victim.process().clone();
        if command[0] == "yes" {
            wait_until("it prints", || victim.output().bytes() > 1 << 20);
            assert!(victim.output().text().len() <= 64 << 10, "only the end is kept");
        }
        victim.stop().unwrap();
        assert!(!process.lives(), "{command:?}");
        scene.clean();
    }
}

#[test]
fn how_a_victim_ends_is_known() {
    let scene = Scene::new();
    let ended = |command: &[&str]| {
        let victim = scene.start(&Scene::spec(command));
        wait_until("it ends", || victim.ended().is_some());
        victim.stop().unwrap().unwrap()
    };
    assert_eq!(ended(&["sh", "-c", "exit 3"]).code, Some(3));
    assert_eq!(ended(&["sh", "-c", "kill -9 $$"]).signal, Some(9));
    let background = ended(&["sh", "-c", "setsid sleep 600 & exit 0"]);
    assert_eq!((background.code, background.left), (Some(0), 1));
    assert!(background.to_string().contains("foreground"));
    let forks = ended(&["sh", "-c", "while :; do sleep 600 & done"]);
    assert!(forks.forks, "{forks:?}");
    scene.clean();
}

#[test]
fn what_cannot_be_started_is_named() {
    let scene = Scene::new();
    let error =
        |spec: &Spec| Victim::start(&scene.journal, &scene.caps, spec, scene.scratch.path()).unwrap_err().to_string();
    assert!(error(&Scene::spec(&["/no/such/program"])).contains("`/no/such/program` does not start"));
    assert!(error(&Scene::spec(&[])).contains("no program"));
    assert!(error(&Spec { longest: -1.0, ..Scene::spec(&["true"]) }).contains("duration"));
    assert!(error(&Spec { longest: f64::INFINITY, ..Scene::spec(&["true"]) }).contains("duration"));
    assert!(error(&Spec { memory: Some(u64::MAX / 2), ..Scene::spec(&["true"]) }).contains("MiB of memory"));
    scene.clean();
}

#[test]
fn a_crash_and_a_hang_are_what_they_say() {
    let scene = Scene::new();
    for (crash, signal) in [(Crash::Kill, 9), (Crash::Abort, 6), (Crash::Segv, 11)] {
        let victim = scene.start(&Scene::spec(&["sleep", "600"]));
        let injected = scene.inject(&victim, &Fault::Crash(crash));
        wait_until("it ends", || victim.ended().is_some());
        injected.heal().unwrap();
        assert_eq!(victim.stop().unwrap().unwrap().signal, Some(signal));
    }
    let victim = scene.start(&Scene::spec(&["yes"]));
    wait_until("it prints", || victim.output().bytes() > 0);
    let hang = scene.inject(&victim, &Fault::Hang);
    let still = || {
        let before = victim.output().bytes();
        std::thread::sleep(std::time::Duration::from_millis(50));
        victim.output().bytes() == before
    };
    wait_until("it stands still", still);
    hang.heal().unwrap();
    let before = victim.output().bytes();
    wait_until("it goes on", || victim.output().bytes() > before);
    let error =
        inject(&scene.journal, &scene.caps, &(&victim).into(), &Fault::Hang, None, -5.0).unwrap_err().to_string();
    assert!(error.contains("duration of -5 s"), "{error}");
    drop(victim);
    scene.clean();
}

#[test]
fn memory_runs_out_and_is_there_again() {
    let scene = Scene::new();
    let victim = scene.start(&Scene::spec(&[CHILD, "hungry", "1048576"]));
    wait_until("it has some", || victim.output().text().contains("have 8"));
    let fault = scene.inject(&victim, &Fault::Memory(1 << 20));
    // With a cgroup the kernel ends it, without one it is refused.
    wait_until("it runs out", || victim.ended().is_some() || victim.output().text().contains("refused"));
    if fault.mechanism.contains("cgroup") {
        assert_eq!(victim.ended().and_then(|ended| ended.signal), Some(9), "{}", fault.mechanism);
        assert!(victim.group().out_of_memory().is_none_or(|count| count > 0));
    }
    fault.heal().unwrap();
    drop(victim);
    scene.clean();
}

#[test]
fn a_disk_is_full_and_has_room_again() {
    let scene = Scene::new();
    let victim = scene.start(&Spec { disk: Some(32 << 20), ..Scene::spec(&[CHILD, "writer"]) });
    wait_until("it writes", || victim.output().text().contains("written"));
    let own = victim.disk().is_some();
    let fault = scene.inject(&victim, &Fault::Disk);
    wait_until("it notices", || victim.output().text().contains("not written") || victim.ended().is_some());
    assert_eq!(own, fault.mechanism.contains("file system"), "{}", fault.mechanism);
    fault.heal().unwrap();
    if own {
        wait_until_it_writes_again(&victim);
    }
    drop(victim);
    scene.clean();
}

/// Waits until the end of the output says that what was not possible is possible.
fn wait_until_it_writes_again(victim: &Victim) {
    let seen = victim.output().bytes();
    wait_until("it writes again", || {
        victim.output().bytes() > seen && victim.output().text().trim_end().ends_with("\nwritten")
    });
}

#[test]
fn a_disk_is_full_by_the_mechanism_that_was_asked_for_or_it_is_missed_by_name() {
    for (way, called) in [
        (Mechanism::Tmpfs, "file system in memory"),
        (Mechanism::Loop, "loop device"),
        (Mechanism::Quota, "project quota"),
        (Mechanism::Rlimit, "file size limit"),
    ] {
        let scene = Scene::new();
        let spec = Spec { disk: Some(16 << 20), mechanism: Some(way), ..Scene::spec(&[CHILD, "writer"]) };
        let facts = Facts::probe(&scene.caps, scene.scratch.path(), 0, 16 << 20, || Err("not asked".to_owned()));
        let missed = |skip: &engine_core::step::Skip| {
            assert!(skip.reason.contains(way.name()) && !skip.remedy.is_empty(), "{skip:?}");
            // What the machine offers must be had. A namespace is only tried.
            let offered = choose(&facts, Some(way)).ways.first() == Some(&way);
            assert!(!offered, "{way:?} is offered here: {}", skip.reason);
            println!("{}: {}", way.name(), skip.reason);
        };
        let victim = match Victim::start(&scene.journal, &scene.caps, &spec, scene.scratch.path()) {
            Ok(victim) => victim,
            Err(VictimError::Skip(skip)) => {
                missed(&skip);
                scene.clean();
                continue;
            }
            Err(error) => panic!("{way:?}: {error}"),
        };
        wait_until("it writes", || victim.output().text().contains("written"));
        let fault = match inject(&scene.journal, &scene.caps, &(&victim).into(), &Fault::Disk, Some(way), 60.0) {
            Ok(fault) => fault,
            Err(FaultError::Skip(skip)) => {
                missed(&skip);
                continue;
            }
            Err(error) => panic!("{way:?}: {error}"),
        };
        println!("{}: {}", way.name(), fault.mechanism);
        assert!(fault.mechanism.contains(called), "{}", fault.mechanism);
        wait_until("it notices", || victim.output().text().contains("not written"));
        fault.heal().unwrap();
        wait_until_it_writes_again(&victim);
        drop(victim);
        scene.clean();
    }
}

#[test]
fn a_mechanism_that_cannot_be_had_is_a_skip_and_one_that_can_is_taken() {
    let scene = Scene::new();
    // A process that is not ours has no cgroup and no disk of ours.
    let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let ident = engine_faults::process::Ident::of(child.id()).unwrap();
    let subject = engine_faults::fault::Subject::Process(&ident);
    let by = |fault: &Fault, way| inject(&scene.journal, &scene.caps, &subject, fault, Some(way), 60.0);
    for (fault, way) in [
        (Fault::Hang, Mechanism::Cgroup),
        (Fault::Cpu(0.5), Mechanism::Cgroup),
        (Fault::Memory(1 << 20), Mechanism::Cgroup),
        (Fault::Processes(4), Mechanism::Cgroup),
        (Fault::Disk, Mechanism::Tmpfs),
        (Fault::Disk, Mechanism::Loop),
        (Fault::Disk, Mechanism::Quota),
    ] {
        match by(&fault, way) {
            Err(FaultError::Skip(skip)) => assert!(skip.reason.contains(way.name()), "{fault:?}: {}", skip.reason),
            other => panic!("{fault:?} by {way:?}: {other:?}"),
        }
    }
    let fault = by(&Fault::Hang, Mechanism::Signal).unwrap();
    assert_eq!((fault.mechanism.as_str(), fault.passed_over.len()), ("SIGSTOP by pidfd", 0));
    wait_until("it is stopped", || Stat::of(ident.pid).is_some_and(|stat| stat.state == 'T'));
    fault.heal().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    scene.clean();
}

#[test]
fn descriptors_processes_and_names_run_out() {
    let scene = Scene::new();
    let tries = "while :; do if (exec 7</dev/null 8</dev/null; true) 2>/dev/null; then echo good; else echo bad; fi; sleep 0.01; done";
    let victim = scene.start(&Scene::spec(&["sh", "-c", tries]));
    wait_until("it works", || victim.output().text().contains("good"));
    for fault in [Fault::Descriptors(0), Fault::Processes(0)] {
        match inject(&scene.journal, &scene.caps, &(&victim).into(), &fault, None, 60.0) {
            Ok(injected) => {
                let limits = std::fs::read_to_string(format!("/proc/{}/limits", victim.process().pid)).unwrap();
                injected.heal().unwrap();
                let after = std::fs::read_to_string(format!("/proc/{}/limits", victim.process().pid)).unwrap();
                assert!(fault != Fault::Descriptors(0) || limits != after, "the limit was lower");
            }
            Err(FaultError::Skip(skip)) => assert!(!skip.remedy.is_empty()),
            Err(error) => panic!("{error}"),
        }
    }
    drop(victim);
    let victim = scene
        .start(&Spec { dns: true, ..Scene::spec(&["sh", "-c", "while :; do cat /etc/resolv.conf; sleep 0.02; done"]) });
    match inject(&scene.journal, &scene.caps, &(&victim).into(), &Fault::Dns, None, 60.0) {
        Ok(injected) => {
            wait_until("it sees it", || victim.output().text().contains("127.255.255.254"));
            assert!(!std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default().contains("127.255.255.254"));
            injected.heal().unwrap();
        }
        Err(FaultError::Skip(skip)) => assert!(skip.reason.contains("resolver")),
        Err(error) => panic!("{error}"),
    }
    drop(victim);
    scene.clean();
}

#[test]
fn contention_comes_and_goes() {
    let scene = Scene::new();
    let victim = scene.start(&Scene::spec(&["sleep", "600"]));
    let fault = scene.inject(&victim, &Fault::Contention("stress.timers".to_owned(), Default::default()));
    assert_eq!(fault.mechanism, "stress.timers beside it");
    fault.heal().unwrap();
    drop(victim);
    scene.clean();
}

fn service(victim: Spec) -> ServiceSpec {
    let ready = Ready::Http { path: "/health".to_owned(), status: 200 };
    ServiceSpec { victim, ready, within: 60.0, restart: Some(0.01), port: None }
}

#[test]
fn a_service_is_ready_and_comes_back_after_a_crash() {
    let scene = Scene::new();
    let running = Service::start(&scene.place(), &service(Scene::spec(&[CHILD, "serve"]))).unwrap();
    let victim = running.victim().unwrap();
    scene.inject(&victim, &Fault::Crash(Crash::Kill)).heal().unwrap();
    drop(victim);
    wait_until("it is ready again", || {
        running.happened().iter().filter(|event| event.what == What::Ready).count() == 2
    });
    let events = running.happened();
    let ended =
        events.iter().position(|event| matches!(&event.what, What::Ended(how) if how.signal == Some(9))).unwrap();
    assert!(events[ended + 1..].iter().any(|event| event.what == What::Started));
    running.stop();
    scene.clean();
}

#[test]
fn services_that_do_not_come_up_are_clear_errors_and_leave_nothing() {
    let scene = Scene::new();
    let error = |spec: ServiceSpec| Service::start(&scene.place(), &spec).unwrap_err();
    let died = error(service(Scene::spec(&["sh", "-c", "echo no database >&2; exit 7"]))).to_string();
    assert!(died.contains("ended with code 7") && died.contains("no database"), "{died}");
    let away = error(service(Scene::spec(&["sh", "-c", "setsid sleep 600 & exit 0"]))).to_string();
    assert!(away.contains("foreground"), "{away}");
    let late = ServiceSpec { within: 0.2, ..service(Scene::spec(&["sh", "-c", DEAF])) };
    assert!(error(late).to_string().contains("not ready within 0.2 s"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let busy = ServiceSpec { port: Some(port), ..service(Scene::spec(&[CHILD, "serve"])) };
    assert!(matches!(error(busy), ServiceError::Port(which) if which == port));
    scene.clean();
}

#[test]
fn a_victim_goes_when_its_keeper_is_killed_too() {
    let scene = Scene::new();
    let victim = scene.start(&Scene::spec(&["sleep", "600"]));
    let process = victim.process().clone();
    let keeper = Stat::of(process.pid).unwrap().parent;
    engine_faults::process::Ident::of(keeper).unwrap().signal(rustix::process::Signal::KILL).unwrap();
    wait_until("it goes with it", || !process.lives());
    drop(victim);
    scene.clean();
}

#[test]
fn less_of_a_processor_and_a_noisy_neighbour_come_and_go() {
    let scene = Scene::new();
    let victim = scene.start(&Scene::spec(&["sh", "-c", "while :; do :; done"]));
    let pid = victim.process().pid;
    let used = || Stat::of(pid).map_or(0, |stat| stat.ticks);
    let processors = || {
        let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        text.lines().find(|line| line.starts_with("Cpus_allowed_list")).unwrap().to_owned()
    };
    wait_until("it works", || used() > 5);
    let fault = scene.inject(&victim, &Fault::Cpu(0.05));
    // How little that is depends on who else works here; that it still works does not.
    let before = used();
    wait_until("it still works", || used() > before);
    fault.heal().unwrap();
    let before = used();
    wait_until("it works again", || used() > before + 5);
    let everywhere = processors();
    match inject(
        &scene.journal,
        &scene.caps,
        &(&victim).into(),
        &Fault::Neighbour("stress.cpu".to_owned(), Default::default()),
        None,
        60.0,
    ) {
        Ok(fault) => {
            assert!(fault.mechanism.contains("same processor"), "{}", fault.mechanism);
            fault.heal().unwrap();
        }
        Err(error) => panic!("{error}"),
    }
    assert_eq!(processors(), everywhere, "it runs again where it could");
    drop(victim);
    scene.clean();
}

#[test]
fn a_throttled_victim_goes_on_without_cgroups_too() {
    let scene = Scene::new();
    // A process that is not ours has no cgroup of ours.
    let mut child = std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
    let ident = engine_faults::process::Ident::of(child.id()).unwrap();
    let subject = engine_faults::fault::Subject::Process(&ident);
    let fault = inject(&scene.journal, &scene.caps, &subject, &Fault::Cpu(0.2), None, 60.0).unwrap();
    assert!(fault.mechanism.contains("stopped for a part"), "{}", fault.mechanism);
    wait_until("it is stopped", || Stat::of(ident.pid).is_some_and(|stat| stat.state == 'T'));
    fault.heal().unwrap();
    wait_until("it runs", || Stat::of(ident.pid).is_some_and(|stat| stat.state == 'R'));
    child.kill().unwrap();
    child.wait().unwrap();
    scene.clean();
}

#[test]
fn a_clock_goes_forward_for_the_victim_alone() {
    let scene = Scene::new();
    let spec = Spec { clock: true, ..Scene::spec(&["sh", "-c", "while :; do date -u +%Y; sleep 0.05; done"]) };
    let victim = scene.start(&spec);
    wait_until("it prints", || victim.output().bytes() > 0);
    let year = |text: &str| text.lines().last().and_then(|line| line.parse::<i32>().ok()).unwrap_or(0);
    let now = year(victim.output().text().trim_end());
    match inject(&scene.journal, &scene.caps, &(&victim).into(), &Fault::Clock(20.0 * 365.25 * 86_400.0), None, 60.0) {
        Ok(fault) => {
            wait_until("it is later", || year(victim.output().text().trim_end()) >= now + 19);
            fault.heal().unwrap();
            wait_until("it is now again", || year(victim.output().text().trim_end()) <= now + 1);
        }
        Err(FaultError::Skip(skip)) => assert!(skip.reason.contains("libfaketime"), "{}", skip.reason),
        Err(error) => panic!("{error}"),
    }
    drop(victim);
    scene.clean();
}

#[test]
fn data_survive_a_restart_and_go_with_the_service() {
    let scene = Scene::new();
    let script = format!("echo started >> {{data}}/log; exec {CHILD} serve");
    let spec = ServiceSpec { restart: Some(0.05), ..service(Scene::spec(&["sh", "-c", &script])) };
    let running = Service::start(&scene.place(), &spec).unwrap();
    let log = || {
        let folder = names(scene.scratch.path()).into_iter().find(|name| name.ends_with("-data")).unwrap();
        std::fs::read_to_string(scene.scratch.path().join(folder).join("log")).unwrap_or_default()
    };
    assert_eq!(log().lines().count(), 1);
    running.victim().unwrap().process().signal(rustix::process::Signal::KILL).unwrap();
    wait_until("it is started again", || log().lines().count() == 2);
    running.stop();
    scene.clean();
}

//! Every stressor works, sees an error that is planted, stays within its limits and leaves nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engine_core::args::ArgValue;
use engine_faults::caps::Caps;
use engine_faults::journal::{Journal, status};
use engine_faults::process::{Ident, marked};
use engine_faults::stress::{Progress, Start, Stress, StressError, Stressor, find, registry};
use rustix::process::Resource;

use crate::{launcher, names, wait_until};

/// A journal and a folder for files.
struct Place {
    folder: tempfile::TempDir,
    scratch: tempfile::TempDir,
    journal: Arc<Journal>,
}

impl Place {
    fn new() -> Self {
        let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let journal = Journal::open(folder.path(), launcher()).unwrap();
        Self { folder, scratch, journal }
    }

    fn start(
        &self,
        stressor: &'static Stressor,
        given: &[(&str, &str)],
        plant: Option<u64>,
    ) -> Result<Stress, StressError> {
        // Small sizes, but not the short times of the tiny profile: a loaded machine may need longer.
        let small = stressor.info.params.iter().filter(|param| !matches!(param.name, "duration" | "ramp"));
        let small = small.filter_map(|param| Some((param.name, param.tiny?)));
        let text = |text: &str| ArgValue::Text(text.to_owned());
        let given: BTreeMap<String, ArgValue> =
            small.chain(given.iter().copied()).map(|(name, value)| (name.to_owned(), text(value))).collect();
        // The caps of a machine with more processors: tests shall run on a lone one too.
        let caps = Caps { lone_utilisation: 100, disk_left: 0, disk_share_left: 0.0, ..Caps::default() };
        let start = Start { seed: 7, plant, scratch: Some(self.scratch.path()) };
        Stress::start(&self.journal, &caps, stressor, &given, false, &start)
    }

    fn run(&self, id: &str, given: &[(&str, &str)], plant: Option<u64>) -> Progress {
        let stress = self.start(find(id).unwrap(), given, plant).unwrap_or_else(|error| panic!("{id}: {error}"));
        wait_until("it has checked something", || {
            let progress = stress.progress();
            progress.checked > 8 && (plant.is_none() || progress.errors > 0) || progress.failure.is_some()
        });
        let progress = stress.stop().unwrap_or_else(|error| panic!("{id} {given:?}: {error}"));
        assert!(names(self.scratch.path()).is_empty(), "{id}: files are left");
        assert!(status(self.folder.path()).unwrap().active.is_empty(), "{id}");
        progress
    }
}

/// All stressors in all their modes.
fn variants() -> Vec<(&'static str, Option<(&'static str, &'static str)>)> {
    use engine_core::probe::ParamKind;
    let mut all = Vec::new();
    for stressor in registry() {
        let choice = stressor.info.params.iter().find_map(|param| match param.kind {
            ParamKind::Choice(words) => Some(words.iter().map(|word| Some((param.name, *word))).collect::<Vec<_>>()),
            _ => None,
        });
        all.extend(choice.unwrap_or_else(|| vec![None]).into_iter().map(|choice| (stressor.info.id, choice)));
    }
    all
}

#[test]
fn every_stressor_checks_its_work_and_sees_a_planted_error() {
    let place = Place::new();
    for (id, choice) in variants() {
        let mut given: Vec<(&str, &str)> = choice.into_iter().collect();
        given.push(("duration", "600 s"));
        let caught = place.run(id, &given, Some(3));
        assert_eq!(caught.errors, 1, "{id} {choice:?} {:?}", caught.first_error);
        assert!(caught.first_error.is_some_and(|error| error.contains(':')), "{id} {choice:?}");
        let clean = place.run(id, &given, None);
        assert_eq!((clean.errors, clean.first_error), (0, None), "{id} {choice:?}");
        assert!(clean.operations > 0 && clean.checked > 0, "{id} {choice:?}");
    }
}

#[test]
fn a_stressor_ends_by_itself_when_its_time_is_over() {
    let place = Place::new();
    let stress = place.start(find("stress.cpu").unwrap(), &[("duration", "0.05 s")], None).unwrap();
    assert_eq!(stress.wait().unwrap().ended.as_deref(), Some("its time was over"));
}

#[test]
fn a_stressor_is_the_first_to_go_and_has_its_limits() {
    let place = Place::new();
    let stress = place.start(find("stress.io").unwrap(), &[("nice", "7")], None).unwrap();
    wait_until("it works", || stress.progress().checked > 0);
    let file = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", stress.pid())).unwrap_or_default();
    if let Some(process) = alive(&stress) {
        assert_eq!(file("oom_score_adj").trim(), "1000");
        let limits = |resource| engine_faults::journal::limit(&process, resource).and_then(|limit| limit.current);
        assert_eq!(limits(Resource::Fsize), Some(2 << 20));
        assert!(limits(Resource::As).is_some() && limits(Resource::Nofile).is_some_and(|limit| limit <= 256));
        assert_eq!(process.stat().map(|stat| stat.session), Some(process.pid), "a session of its own");
    }
    stress.stop().unwrap();
}

/// The process, while it still works.
fn alive(stress: &Stress) -> Option<Ident> {
    Ident::of(stress.pid()).filter(Ident::lives)
}

#[test]
fn what_goes_too_far_starts_nothing() {
    let place = Place::new();
    let error = |id: &str, given: &[(&str, &str)]| {
        let strict = Caps { processors_left: 100_000, count: 10, longest: 5.0, memory_share: 0.0, ..Caps::default() };
        let text = |text: &str| ArgValue::Text(text.to_owned());
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect();
        let start = Start { seed: 0, plant: None, scratch: Some(place.scratch.path()) };
        Stress::start(&place.journal, &strict, find(id).unwrap(), &given, false, &start).unwrap_err().to_string()
    };
    assert!(error("stress.cpu", &[("duration", "1 s"), ("threads", "2")]).contains("loaded processors"));
    assert!(error("stress.cpu", &[("duration", "30 s")]).contains("at most 5 s"));
    assert!(error("stress.cpu", &[("duration", "-1 s")]).contains("at least"));
    assert!(error("stress.cpu", &[("intensity", "101")]).contains("at most 100"));
    assert!(error("stress.cpu", &[("intensitty", "1")]).contains("did you mean `intensity`"));
    assert!(error("stress.memory", &[("duration", "1 s"), ("intensity", "50")]).contains("MiB of memory"));
    assert!(error("stress.processes", &[("duration", "1 s"), ("intensity", "50")]).contains("at most 10"));
    let known = status(place.folder.path()).unwrap();
    assert!(known.active.is_empty() && known.ended.is_empty(), "nothing was begun");
}

#[test]
fn a_stressor_goes_with_its_owner() {
    let place = Place::new();
    let stress = place.start(find("stress.processes").unwrap(), &[("duration", "600 s")], None).unwrap();
    wait_until("it works", || stress.progress().checked > 0);
    let mark = status(Path::new(place.folder.path())).unwrap().active[0].id.clone();
    assert!(!marked(&mark).is_empty(), "itself, and those of its children that live long enough to be seen");
    drop(stress);
    assert!(marked(&mark).is_empty());
}

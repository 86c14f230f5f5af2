use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn counters(size: usize) -> Team<u64> {
    Team::new(size, |worker| Ok(worker as u64 * 100)).unwrap()
}

#[test]
fn every_worker_does_every_lap_with_its_own_state() {
    let mut team = counters(3);
    for _ in 0..50 {
        let lap = team.time(|_, count| *count += 1).unwrap();
        assert_eq!(lap.workers.len(), 3);
        assert!(lap.workers.iter().all(|span| span.took() <= lap.wall()));
    }
    assert_eq!(team.each(|worker, count| (worker, *count)).unwrap(), [(0, 50), (1, 150), (2, 250)]);
}

#[test]
fn a_lap_takes_as_long_as_its_slowest_worker() {
    let mut team = counters(2);
    let lap = team.time(|worker, _| std::thread::sleep(Duration::from_millis(worker as u64 * 20))).unwrap();
    assert!(lap.wall() >= Duration::from_millis(20) && lap.workers[1].took() >= Duration::from_millis(20));
}

#[test]
fn nobody_starts_before_all_are_there() {
    let mut team = counters(4);
    let inside = AtomicUsize::new(0);
    // Each waits for the others inside the job: were a worker left at the start, this would never end.
    team.time(|_, _| {
        inside.fetch_add(1, Ordering::SeqCst);
        while inside.load(Ordering::SeqCst) < 4 {
            std::thread::yield_now();
        }
    })
    .unwrap();
}

#[test]
fn workers_are_pinned_to_different_cpus() {
    let cpus = pin::allowed().unwrap();
    let mut team = counters(cpus.len() + 1);
    let seen = team.each(|_, _| pin::allowed().unwrap()).unwrap();
    for (worker, cpu) in cpus.iter().enumerate() {
        assert_eq!((&team.placement()[worker], &seen[worker][..]), (&Placement::Pinned(*cpu), &[*cpu][..]));
    }
    assert!(matches!(team.placement().last(), Some(Placement::Unpinned(_))));
    assert_eq!(seen[cpus.len()], cpus);
}

#[test]
fn a_refused_pin_is_told_and_the_worker_still_works() {
    let mut team = Team::on(&[60_000], |_| Ok(7u8)).unwrap();
    assert!(matches!(&team.placement()[0], Placement::Unpinned(why) if why.contains("60000")));
    assert_eq!(team.each(|_, state| *state).unwrap(), [7]);
}

#[test]
fn a_panicking_worker_is_an_error_and_not_a_deadlock() {
    let mut team = counters(3);
    let error = team.time(|worker, _| assert_ne!(worker, 1, "planted")).unwrap_err();
    assert!(matches!(&error, TeamError::Panicked { worker: 1, message } if message.contains("planted")), "{error}");
    let error = team.time(|_, _| ()).unwrap_err();
    assert!(matches!(error, TeamError::Panicked { worker: 1, .. }), "its state stays broken");
}

#[test]
fn a_worker_that_cannot_prepare_is_named() {
    let error = Team::<u8>::new(2, |worker| if worker == 1 { Err("no memory".into()) } else { Ok(0) }).unwrap_err();
    assert!(matches!(&error, TeamError::Prepare { worker: 1, source } if source.to_string() == "no memory"));
    let error = Team::<u8>::new(2, |worker| if worker == 0 { panic!("early") } else { Ok(0) }).unwrap_err();
    assert!(matches!(&error, TeamError::Panicked { worker: 0, message } if message == "early"));
    assert!(matches!(Team::<u8>::new(0, |_| Ok(0)).unwrap_err(), TeamError::Empty));
}

#[test]
fn states_are_dropped_in_their_threads() {
    struct Told(Arc<AtomicUsize>, std::thread::ThreadId);
    impl Drop for Told {
        fn drop(&mut self) {
            assert_eq!(std::thread::current().id(), self.1);
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&dropped);
    let team = Team::new(3, move |_| Ok(Told(Arc::clone(&count), std::thread::current().id()))).unwrap();
    drop(team);
    assert_eq!(dropped.load(Ordering::SeqCst), 3);
}

//! A generator that runs out of descriptors says so of itself, and does not blame the target. Alone in its process, as it
//! lowers the process's own limit.
#![expect(unsafe_code, reason = "the limit is set by a system call")]

mod common;

use std::net::TcpListener;

use common::{iterations, load, origin, run};
use engine_load::http::Request;
use engine_load::outcome::Weight;
use engine_load::{ErrorClass, User};

#[test]
fn running_out_of_descriptors_is_the_generators_fault() {
    let limit = libc::rlimit { rlim_cur: 60, rlim_max: 60 };
    // SAFETY: the pointer is to a local of the right type.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    // Connections stand without being accepted, so the target needs no descriptors.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let outcome = run(load(iterations(100, 1), origin(listener.local_addr().expect("bound")), || {
        |user: &User| user.request(&Request::get("/").within(1_500_000_000)).map(drop)
    }));
    let row = outcome.requests();
    let of = |class| row.errors.iter().find(|error| error.class == class).map_or(0, |error| error.count);
    assert!(of(ErrorClass::Descriptors) >= 40, "{:?}", row.errors);
    // The others wait for an answer, or still for their connection where this machine is that slow.
    let late = row.errors.iter().filter(|error| error.class.is_timeout()).map(|error| error.count).sum::<u64>();
    assert_eq!(of(ErrorClass::Descriptors) + late, 100, "{:?}", row.errors);
    assert!(!outcome.is_valid());
    assert!(outcome.doubts.iter().any(|doubt| doubt.weight == Weight::Invalid && doubt.reason.contains("descriptors")));
}

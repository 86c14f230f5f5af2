//! What keeps a stressor from harming the machine, set in the child before it works.
//!
//! When memory runs out it is the first to go; the kernel ends it when it burns more CPU time than it was granted; it can
//! neither grow its memory nor its files beyond what was checked against the caps. A death signal of the parent is not
//! used: the kernel binds it to the thread that started the child, which may end long before the engine does. The life
//! line, whose end the kernel closes with the engine, and the janitor do that job.

use rustix::process::{Resource, Rlimit};

use super::Request;

/// Memory for the program itself: its code, its threads' stacks, allocator slack.
const OWN: u64 = 1 << 30;

/// Sets all limits. What the system refuses is not needed: each has another one behind it.
pub(super) fn apply(request: &Request) {
    let _ = rustix::process::setsid();
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    if request.nice > 0 {
        // SAFETY: plain numbers; lowering the own priority is always allowed.
        let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, request.nice.clamp(0, 19)) };
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked durations are short")]
    let seconds = (request.duration.ceil() as u64 + 30).saturating_mul(request.threads.max(1) as u64);
    lower(Resource::Cpu, seconds);
    lower(Resource::Core, 0);
    lower(Resource::As, request.needs.memory.saturating_mul(2).saturating_add(OWN));
    lower(Resource::Nofile, request.needs.count.saturating_mul(2).saturating_add(256));
    if request.needs.disk > 0 {
        lower(Resource::Fsize, request.needs.disk.saturating_add(1 << 20));
    }
}

/// Lowers a limit; never raises one beyond what we have.
fn lower(resource: Resource, to: u64) {
    let now = rustix::process::getrlimit(resource);
    let hard = now.maximum.map_or(to, |hard| hard.min(to));
    let _ = rustix::process::setrlimit(resource, Rlimit { current: Some(hard), maximum: Some(hard) });
}

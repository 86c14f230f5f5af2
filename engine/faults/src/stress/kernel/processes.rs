//! Makes processes and ends them.
//!
//! Method: each thread keeps up to `count` children alive, which wait for a byte on their pipe and end with a code that depends
//! on their number; the code is checked. A child makes no other child, dies with its parent, and is awaited.
//!
//! What makes it wrong: the cost of a fork grows with the memory of the process that forks, which here is small.

use std::collections::VecDeque;

use engine_core::args::Args;
use engine_core::probe::{ParamDef, ParamKind, ProbeInfo};

use super::{DURATION, INTENSITY, NICE, RAMP, THREADS, info};
use crate::stress::{Needs, Stressor, Worker};

/// See the top of the file.
pub(in crate::stress) static STRESSOR: Stressor = Stressor { info: &INFO, needs, work };

static INFO: ProbeInfo = info(
    "stress.processes",
    "Makes processes and ends them.",
    "Forks children that end with a known code. The cost of a fork depends on the memory of the parent, so as a figure of \
     a large program's forks it is wrong.",
    &[
        ParamDef {
            name: "count",
            kind: ParamKind::Count { min: 1, max: 100_000 },
            default: Some("16"),
            tiny: Some("4"),
            doc: "children that each thread keeps alive",
        },
        INTENSITY,
        DURATION,
        RAMP,
        THREADS,
        NICE,
    ],
);

fn needs(args: &Args) -> Needs {
    let threads = args.threads("threads", crate::room::processors().len()) as u64;
    // A child, and the pipe that it waits for.
    Needs { count: args.whole("count").saturating_mul(2).saturating_mul(threads), ..Needs::default() }
}

/// A child with the end of the pipe that keeps it alive.
struct Child {
    pid: libc::pid_t,
    line: libc::c_int,
    code: i32,
}

fn work(args: &Args, worker: &mut Worker) -> Result<(), String> {
    let mut alive = VecDeque::new();
    for number in 0_u64.. {
        let code = (number % 120) as i32;
        alive.push_back(fork(code).map_err(|error| format!("fork: {error}"))?);
        if alive.len() as u64 > args.whole("count")
            && let Some(child) = alive.pop_front()
        {
            end(worker, &child);
        }
        if !worker.turn(1) {
            break;
        }
    }
    alive.iter().for_each(|child| end(worker, child));
    Ok(())
}

/// Starts a child that ends with `code` once a byte comes through its pipe. That the other end is closed would not do: its
/// younger siblings hold copies of it.
fn fork(code: i32) -> std::io::Result<Child> {
    let mut ends = [0; 2];
    // SAFETY: the array has room for two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: between fork and exit the child makes only system calls, which is what a process with threads allows.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: plain system calls on descriptors and memory of our own; `_exit` runs nothing of the parent's.
        unsafe {
            // The thread that forked lives until it has awaited all its children.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            libc::close(ends[1]);
            let mut wanted = libc::pollfd { fd: ends[0], events: libc::POLLIN, revents: 0 };
            libc::poll(&raw mut wanted, 1, -1);
            libc::_exit(code);
        }
    }
    // SAFETY: the descriptor is ours, and used no more.
    unsafe { libc::close(ends[0]) };
    if pid < 0 {
        let error = std::io::Error::last_os_error();
        // SAFETY: as above.
        unsafe { libc::close(ends[1]) };
        return Err(error);
    }
    Ok(Child { pid, line: ends[1], code })
}

fn end(worker: &mut Worker, child: &Child) {
    let mut status = 0;
    let byte = [1_u8];
    // SAFETY: the descriptor and the child are ours, each ended once; byte and status live through the calls.
    let done = unsafe {
        libc::write(child.line, byte.as_ptr().cast(), 1);
        libc::close(child.line);
        libc::waitpid(child.pid, &raw mut status, 0)
    };
    let mut code = if done == child.pid && libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 };
    if worker.plants() {
        code ^= 1;
    }
    worker.checked(code == child.code, || format!("processes: a child ended with {code} instead of {}", child.code));
}

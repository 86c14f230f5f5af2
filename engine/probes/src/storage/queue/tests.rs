#![expect(unsafe_code, reason = "filters of system calls, limits and capabilities are set for a thread or a child")]

use super::choice::{Engine, Task, choose};
use super::sandbox::{Refusal, try_uring};
use super::uring::{Obtained, Uring, Wishes};
use super::*;
use crate::storage::direct;
use std::fs::File;
use std::os::unix::fs::FileExt;

const BLOCK: usize = 4096;

fn shape(depth: u32) -> Shape {
    Shape { depth, block: BLOCK as u32, buffers: depth, pages: Pages::System }
}

/// Eight blocks, each full of its number.
fn file() -> File {
    let file = tempfile::tempfile().unwrap();
    for number in 0..8 {
        file.write_all_at(&[number; BLOCK], u64::from(number) * BLOCK as u64).unwrap();
    }
    file.sync_all().unwrap();
    file
}

/// Reads the blocks backwards in one batch, then writes one, and compares all.
fn exercise(queue: &mut dyn Queue, file: &File) {
    let mut done = Vec::new();
    for slot in 0..8 {
        let offset = u64::from(7 - slot) * BLOCK as u64;
        queue.push(Request { slot, buffer: slot, kind: Kind::Read, offset }).unwrap();
    }
    assert_eq!(queue.under_way(), 8);
    while done.len() < 8 {
        let before = done.len();
        queue.turn(1, 3, &mut done).unwrap();
        assert!((1..=3).contains(&(done.len() - before)), "between what is waited for and the most");
    }
    assert_eq!(queue.under_way(), 0);
    for end in &done {
        assert_eq!(end.result, BLOCK as i64);
        let read = queue.buffers().slice::<u8>(end.slot as usize * BLOCK, BLOCK);
        assert!(read.iter().all(|byte| u32::from(*byte) == 7 - end.slot));
    }
    done.clear();
    queue.buffers().slice_mut::<u8>(0, BLOCK).fill(99);
    queue.push(Request { slot: 0, buffer: 0, kind: Kind::Write, offset: BLOCK as u64 }).unwrap();
    queue.submit().unwrap();
    drain(queue, &mut done).unwrap();
    assert_eq!(done.len(), 1);
    let mut read = [0; BLOCK];
    file.read_exact_at(&mut read, BLOCK as u64).unwrap();
    assert_eq!(read, [99; BLOCK]);
    // Beyond the end there is nothing, and a slot under way when the queue is dropped is waited for.
    queue.push(Request { slot: 0, buffer: 0, kind: Kind::Read, offset: 1 << 30 }).unwrap();
    done.clear();
    queue.turn(1, 1, &mut done).unwrap();
    assert_eq!(done[0].result, 0);
    queue.push(Request { slot: 1, buffer: 1, kind: Kind::Read, offset: 0 }).unwrap();
    queue.submit().unwrap();
}

#[test]
fn a_ring_moves_the_right_blocks_with_and_without_registration() {
    if let Err(refusal) = try_uring() {
        // Then the ladder must say so.
        assert!(!refusal.to_string().is_empty());
        return;
    }
    let plain = file();
    for wishes in [Wishes::PLAIN, Wishes::BEST, Wishes { sqpoll: true, ..Wishes::BEST }] {
        let (mut ring, obtained) = Uring::open(&plain, shape(8), wishes).unwrap();
        exercise(&mut ring, &plain);
        drop(ring);
        for number in 0..8 {
            plain.write_all_at(&[number; BLOCK], u64::from(number) * BLOCK as u64).unwrap();
        }
        assert!(
            obtained.asked.iter().all(|name| obtained.has(name) || obtained.missing.iter().any(|(n, _)| n == name))
        );
    }
}

#[test]
fn polling_that_the_device_cannot_do_is_given_up_with_the_reason() {
    if try_uring().is_err() {
        return;
    }
    // Memory has no queues to poll, whatever the device under the temporary folder can.
    let Ok(zero) = File::open("/dev/zero") else { return };
    let (_, obtained) = Uring::open(&zero, shape(2), Wishes { iopoll: true, ..Wishes::BEST }).unwrap();
    assert!(!obtained.has("iopoll") && obtained.asked.contains(&"iopoll"), "{obtained:?}");
    assert!(obtained.describe().contains("without iopoll: "), "{}", obtained.describe());
}

#[test]
fn libaio_moves_the_right_blocks() {
    let plain = file();
    let Ok(direct) = direct::open(&plain, true) else { return };
    let mut aio = aio::Aio::open(&direct, shape(8)).unwrap();
    exercise(&mut aio, &plain);
    assert!(aio.push(Request { slot: 2, buffer: 2, kind: Kind::Nop, offset: 0 }).is_err());
}

/// Runs `test` in a thread in which these system calls end with `action`.
fn sandboxed<R: Send + 'static>(calls: &[libc::c_long], action: u32, test: impl FnOnce() -> R + Send + 'static) -> R {
    let step = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    // The number of the call is the first word of what the filter sees.
    let mut program = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for (at, call) in calls.iter().enumerate() {
        let to_end = (calls.len() - at) as u8;
        program.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, to_end, 0, *call as u32));
    }
    program.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW));
    program.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, action));
    let thread = std::thread::spawn(move || {
        let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        // SAFETY: the program lives during the call; the filter is of this thread and of what it starts.
        let set = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
                | libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter)
        };
        assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
        test()
    });
    thread.join().unwrap()
}

const URING: [libc::c_long; 3] = [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];
const EPERM: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;

fn chosen(wanted: &'static str) -> Result<choice::Choice, engine_core::step::Skip> {
    let plain = file();
    let direct = direct::open(&plain, true);
    let task =
        Task { file: direct.as_ref().unwrap_or(&plain), direct: direct.is_ok(), shape: shape(4), wishes: Wishes::BEST };
    choose(wanted, &task)
}

#[test]
fn a_sandbox_that_refuses_io_uring_leads_to_the_next_way() {
    let choice = sandboxed(&URING, EPERM, || chosen("auto")).unwrap();
    assert_ne!(choice.engine, Engine::IoUring);
    assert!(choice.reasons[0].contains("not io_uring: the system refuses it"), "{:?}", choice.reasons);
    // With a call that is let through first, and refused later.
    assert!(sandboxed(&URING[1..2], EPERM, try_uring).is_err());
    assert_eq!(sandboxed(&URING, EPERM, try_uring), Err(Refusal::Error(libc::EPERM)));
}

#[test]
fn a_sandbox_that_kills_ends_a_child_and_not_this_process() {
    for action in [libc::SECCOMP_RET_KILL_PROCESS, libc::SECCOMP_RET_TRAP] {
        let choice = sandboxed(&URING, action, || chosen("auto")).unwrap();
        assert_ne!(choice.engine, Engine::IoUring);
        assert!(choice.reasons[0].contains("killed by signal 31"), "{:?}", choice.reasons);
    }
    let skip = sandboxed(&URING, libc::SECCOMP_RET_KILL_PROCESS, || chosen("io_uring")).unwrap_err();
    assert!(skip.reason.contains("io_uring does not work here") && skip.remedy.contains("auto"), "{skip:?}");
}

#[test]
fn without_either_interface_threads_read() {
    let mut calls = URING.to_vec();
    calls.push(libc::SYS_io_setup);
    let choice = sandboxed(&calls, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32, || chosen("auto")).unwrap();
    assert_eq!(choice.engine, Engine::Pread);
    assert_eq!(choice.reasons.len(), 2);
    assert!(choice.reasons[0].contains("this kernel has none"), "{:?}", choice.reasons);
}

#[test]
fn a_ring_without_memory_for_its_buffers_goes_on_without_registering() {
    // In a child: the limit and the capability are those of a whole process.
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "storage::queue::tests::with_little_locked_memory", "--ignored", "--nocapture"]);
    use std::os::unix::process::CommandExt;
    // SAFETY: system calls only, between fork and exec.
    unsafe {
        child.pre_exec(|| {
            let limit = libc::rlimit { rlim_cur: 64 << 10, rlim_max: 64 << 10 };
            libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit);
            // CAP_IPC_LOCK, which overrides the limit. Without the right to drop it there is none.
            libc::prctl(libc::PR_CAPBSET_DROP, 14, 0, 0, 0);
            Ok(())
        });
    }
    let done = child.output().unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "started by the test above, under its limit"]
fn with_little_locked_memory() {
    if try_uring().is_err() {
        return;
    }
    let plain = file();
    let big = Shape { depth: 64, block: 1 << 20, buffers: 64, pages: Pages::System };
    let (_, obtained) = Uring::open(&plain, big, Wishes::BEST).unwrap();
    assert!(!obtained.has("registered_buffers"), "{obtained:?}");
    assert!(obtained.describe().contains("without registered_buffers: more than may be locked"), "{obtained:?}");
    let (mut small, _) = Uring::open(&plain, shape(8), Wishes::BEST).unwrap();
    exercise(&mut small, &plain);
}

#[test]
fn what_is_missing_is_said_with_its_reason() {
    let obtained = Obtained { asked: vec!["a", "b"], got: vec!["a"], missing: vec![("b", "it is new".to_owned())] };
    assert_eq!(obtained.describe(), "flags asked for: a b; in effect: a; without b: it is new");
}

//! System calls in a loop, each answer checked: those of lmbench's `lat_syscall`, and the clock without a call.
#![expect(unsafe_code, reason = "bare system calls")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `getppid`: into the kernel and back.
    Null,
    /// The clock through the C library, which on most machines reads it without a call (vDSO).
    Clock,
    /// The clock by a system call.
    ClockCall,
    /// One byte from `/dev/zero`.
    Read,
    /// One byte to `/dev/null`.
    Write,
    /// `stat` of a path of one name.
    Stat,
    /// `open` and `close` of `/dev/null`.
    Open,
}

/// A call gave an answer that it cannot give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{wrong} of {count} calls ({call:?}) gave an answer that they cannot give")]
pub struct WrongAnswer {
    call: Call,
    count: u64,
    wrong: u64,
}

/// What the calls need.
#[derive(Debug)]
pub struct Caller {
    parent: libc::c_long,
    zero: File,
    null: File,
}

impl Caller {
    /// Opens what is read from and written to.
    ///
    /// # Errors
    /// When there is no `/dev/zero` or `/dev/null`.
    pub fn new() -> io::Result<Self> {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        Ok(Self { parent: std::os::unix::process::parent_id() as libc::c_long, zero: File::open("/dev/zero")?, null })
    }

    /// Makes `count` calls.
    ///
    /// # Errors
    /// When an answer is wrong.
    pub fn run(&self, call: Call, count: u64) -> Result<(), WrongAnswer> {
        let (zero, null) = (self.zero.as_raw_fd(), self.null.as_raw_fd());
        let wrong = match call {
            // SAFETY: takes nothing.
            Call::Null => failures(count, || unsafe { libc::syscall(libc::SYS_getppid) } == self.parent),
            Call::Clock => ascending(count, |time| {
                // SAFETY: `time` is writable.
                unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, time) == 0 }
            }),
            Call::ClockCall => ascending(count, |time| {
                // SAFETY: as before.
                unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC, std::ptr::from_mut(time)) == 0 }
            }),
            Call::Read => {
                let mut byte = 1u8;
                // SAFETY: one writable byte.
                failures(count, || unsafe { libc::read(zero, (&raw mut byte).cast(), 1) } == 1 && byte == 0)
            }
            Call::Write => {
                let byte = 1u8;
                // SAFETY: one readable byte.
                failures(count, || unsafe { libc::write(null, (&raw const byte).cast(), 1) } == 1)
            }
            Call::Stat => {
                let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
                // SAFETY: a text that ends with zero, and room for the answer.
                failures(count, || unsafe { libc::stat(c"/dev".as_ptr(), stat.as_mut_ptr()) } == 0)
            }
            Call::Open => failures(count, || {
                // SAFETY: a text that ends with zero; what was opened is closed and used by nobody else.
                unsafe {
                    let opened = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
                    opened >= 0 && libc::close(opened) == 0
                }
            }),
        };
        if wrong == 0 { Ok(()) } else { Err(WrongAnswer { call, count, wrong }) }
    }

    /// As if the process had another parent: the fault that the check of [`Call::Null`] is for.
    #[cfg(test)]
    pub(crate) fn misled(mut self) -> Self {
        self.parent += 1;
        self
    }
}

/// How many of `count` calls are not right.
#[inline(always)]
fn failures(count: u64, mut right: impl FnMut() -> bool) -> u64 {
    (0..count).map(|_| u64::from(!right())).sum()
}

/// Reads a clock, and counts how often it fails or runs backwards.
#[inline(always)]
fn ascending(count: u64, mut read: impl FnMut(&mut libc::timespec) -> bool) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let mut last = (0, 0);
    failures(count, || {
        let read = read(&mut time);
        let now = (time.tv_sec, time.tv_nsec);
        let right = read && now >= last;
        last = now;
        right
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_answers() {
        let caller = Caller::new().unwrap();
        for call in [Call::Null, Call::Clock, Call::ClockCall, Call::Read, Call::Write, Call::Stat, Call::Open] {
            caller.run(call, 100).unwrap();
        }
    }

    #[test]
    fn wrong_answers_are_counted() {
        let error = Caller::new().unwrap().misled().run(Call::Null, 100).unwrap_err();
        assert_eq!((error.count, error.wrong), (100, 100));
        let mut times = [(0, 5), (0, 4), (1, 0)].into_iter();
        let wrong = ascending(3, |time| {
            (time.tv_sec, time.tv_nsec) = times.next().unwrap();
            true
        });
        assert_eq!(wrong, 1);
    }
}

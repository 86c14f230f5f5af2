//! The futex system call, bare, and a lock that needs none.
#![expect(unsafe_code, reason = "futex and pthread_mutex are calls into libc")]

use std::cell::UnsafeCell;
use std::io;
use std::sync::atomic::AtomicU32;

/// Sleeps while `word` holds `value`, until it is woken. Returns at once, with `WouldBlock`, when it holds another.
///
/// # Errors
/// `WouldBlock` as said, `Interrupted` by a signal.
pub fn wait(word: &AtomicU32, value: u32) -> io::Result<()> {
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: `word` lives during the call; a null time-out means to wait without one.
    let result =
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, std::ptr::null::<libc::timespec>()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Wakes at most one thread that sleeps on `word`, and says how many.
pub fn wake(word: &AtomicU32) -> u64 {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: `word` lives during the call.
    let result = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, 1) };
    u64::try_from(result).unwrap_or(0)
}

/// The system's own lock with a counter behind it.
#[derive(Debug)]
pub struct Lock {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    count: UnsafeCell<u64>,
}

// SAFETY: `count` is only touched under the mutex, which is made to be shared.
unsafe impl Sync for Lock {}
// SAFETY: nobody holds the mutex while it moves, since `count_up` gives it back.
unsafe impl Send for Lock {}

impl Default for Lock {
    fn default() -> Self {
        Self { mutex: UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER), count: UnsafeCell::new(0) }
    }
}

impl Lock {
    /// Takes and gives back the lock `turns` times, counting under it. Returns the count afterwards.
    pub fn count_up(&self, turns: u64) -> u64 {
        let mut last = 0;
        for _ in 0..turns {
            // SAFETY: an initialised mutex, locked and unlocked by this thread; the count is behind it.
            unsafe {
                libc::pthread_mutex_lock(self.mutex.get());
                let count = self.count.get();
                count.write_volatile(count.read_volatile() + 1);
                last = count.read_volatile();
                libc::pthread_mutex_unlock(self.mutex.get());
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn who_sleeps_is_woken_and_who_need_not_does_not() {
        let word = AtomicU32::new(0);
        assert_eq!(wait(&word, 1).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(wake(&word), 0);
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| while word.load(Ordering::Acquire) == 0 && wait(&word, 0).is_ok() {});
            // It may not sleep yet, then nobody is woken and the value keeps it from sleeping.
            word.store(1, Ordering::Release);
            wake(&word);
            sleeper.join().unwrap();
        });
    }

    #[test]
    fn the_lock_loses_no_count() {
        let lock = Lock::default();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| lock.count_up(10_000));
            }
        });
        assert_eq!(lock.count_up(1), 30_001);
    }
}

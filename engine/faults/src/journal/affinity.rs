//! On which processors a process may run: all of its threads.

/// The processors that a process may use, by number; none when it is gone.
pub(crate) fn affinity(pid: u32) -> Option<Vec<usize>> {
    // SAFETY: all zeroes is a valid, empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    let id = libc::pid_t::try_from(pid).ok()?;
    // SAFETY: the pointer is to a live set, and its size is given.
    if unsafe { libc::sched_getaffinity(id, size_of::<libc::cpu_set_t>(), &raw mut set) } != 0 {
        return None;
    }
    let bits = usize::try_from(libc::CPU_SETSIZE).unwrap_or(1024);
    // SAFETY: each number is below the size of the set.
    Some((0..bits).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) }).collect())
}

/// Binds all threads of a process to processors. Those that are gone meanwhile need nothing.
///
/// # Errors
/// When the system refuses.
pub(crate) fn bind(pid: u32, processors: &[usize]) -> std::io::Result<()> {
    // SAFETY: all zeroes is a valid, empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    let bits = usize::try_from(libc::CPU_SETSIZE).unwrap_or(1024);
    for cpu in processors.iter().filter(|cpu| **cpu < bits) {
        // SAFETY: the number is below the size of the set.
        unsafe { libc::CPU_SET(*cpu, &mut set) };
    }
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Ok(()) };
    for thread in threads.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<libc::pid_t>().ok()) {
        // SAFETY: the pointer is to a live set, and its size is given.
        if unsafe { libc::sched_setaffinity(thread, size_of::<libc::cpu_set_t>(), &raw const set) } != 0 {
            let error = std::io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::ESRCH) {
                return Err(error);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_bound_and_let_go() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let before = affinity(child.id()).unwrap();
        bind(child.id(), &before[..1]).unwrap();
        assert_eq!(affinity(child.id()).unwrap(), before[..1]);
        bind(child.id(), &before).unwrap();
        assert_eq!(affinity(child.id()).unwrap(), before);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(affinity(child.id()), None);
        bind(child.id(), &before).unwrap();
    }
}

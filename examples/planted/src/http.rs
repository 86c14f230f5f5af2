//! As much of HTTP/1.1 as the planted services need: GET, a thread for each connection, connections that are kept or not.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// How a service speaks.
#[derive(Clone, Copy)]
pub struct Manner {
    /// Whether connections are kept after an answer.
    pub keep: bool,
    /// Size of the send buffer of the socket; left to the kernel without.
    pub send_buffer: Option<i32>,
}

/// As services should.
pub const USUAL: Manner = Manner { keep: true, send_buffer: None };

/// Threads that take connections which end with their answer.
const ACCEPTORS: usize = 4;

/// A status and a body.
pub type Answer = (u16, Vec<u8>);

/// Answers requests by their path, until five minutes are over.
pub fn serve(port: u16, manner: Manner, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    println!("listening on {}", listener.local_addr().expect("it has an address"));
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(300));
        std::process::exit(0);
    });
    let answer = Arc::new(answer);
    if manner.keep {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // What ends a connection is the business of its client.
            std::thread::spawn(move || connection(&stream, manner, &*answer).ok());
        }
    }
    // Threads that are there already, so that a connection costs no start of one.
    std::thread::scope(|scope| {
        for _ in 0..ACCEPTORS {
            scope.spawn(|| {
                for stream in listener.incoming().flatten() {
                    connection(&stream, manner, &*answer).ok();
                }
            });
        }
    });
}

fn connection(stream: &TcpStream, manner: Manner, answer: &dyn Fn(&str) -> Answer) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    if let Some(bytes) = manner.send_buffer {
        shrink(stream, bytes);
    }
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
        while !line.trim().is_empty() {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        let (status, body) = answer(&path);
        let kept = if manner.keep { "keep-alive" } else { "close" };
        let head = format!(
            "HTTP/1.1 {status} Answer\r\nContent-Length: {}\r\nContent-Type: text/plain\r\nConnection: {kept}\r\n\r\n",
            body.len()
        );
        // A large answer is not copied for its head; a small one goes out with it.
        if body.len() < 4096 {
            writer.write_all(&[head.as_bytes(), &body].concat())?;
        } else {
            writer.write_all(head.as_bytes())?;
            writer.write_all(&body)?;
        }
        if !manner.keep {
            return Ok(());
        }
    }
}

/// Sets the send buffer of a socket, which the standard library has no function for.
#[cfg(target_os = "linux")]
fn shrink(stream: &TcpStream, bytes: i32) {
    use std::os::fd::AsRawFd;
    const SOL_SOCKET: i32 = 1;
    const SO_SNDBUF: i32 = 7;
    unsafe extern "C" {
        fn setsockopt(socket: i32, level: i32, name: i32, value: *const i32, length: u32) -> i32;
    }
    // SAFETY: the socket is open as long as `stream` is, and `value` is one `i32`, which `length` says.
    let done = unsafe { setsockopt(stream.as_raw_fd(), SOL_SOCKET, SO_SNDBUF, &raw const bytes, 4) };
    assert_eq!(done, 0, "the buffer can be set");
}

#[cfg(not(target_os = "linux"))]
fn shrink(_: &TcpStream, _: i32) {
    panic!("this fault is planted on Linux only");
}

/// So many at the same time; others wait.
pub struct Pool {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Pool {
    /// A pool of so many.
    pub fn of(workers: usize) -> Self {
        Self { free: Mutex::new(workers), freed: Condvar::new() }
    }

    /// Does it with one of the pool.
    pub fn with<T>(&self, work: impl FnOnce() -> T) -> T {
        let free = self.free.lock().expect("nobody panics");
        let mut free = self.freed.wait_while(free, |free| *free == 0).expect("nobody panics");
        *free -= 1;
        drop(free);
        let done = work();
        *self.free.lock().expect("nobody panics") += 1;
        self.freed.notify_one();
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_than_the_pool_work_at_once() {
        let (pool, inside, most) = (Pool::of(2), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    pool.with(|| {
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(2));
                        inside.fetch_sub(1, Ordering::SeqCst);
                    });
                });
            }
        });
        assert!((1..=2).contains(&most.into_inner()));
    }
}

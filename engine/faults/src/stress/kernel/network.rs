//! Loads the network stack on the loopback: new connections, many idle ones, or packets.
//!
//! Method: `churn` connects, sends a number, wants it back and closes with a reset, so that no port is held for a minute;
//! `idle` opens connections up to `connections` and keeps asking one of them after the other; `packets` sends numbered
//! datagrams to itself in bursts and checks what arrives.
//!
//! What makes it wrong: the loopback has neither driver nor wire; datagrams that find no room are dropped by right and are
//! counted as sent, not as errors; descriptors may be fewer than the connections asked for.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use engine_core::args::Args;
use engine_core::probe::{ParamDef, ParamKind, ProbeInfo};

use super::{DURATION, INTENSITY, NICE, RAMP, THREADS, info};
use crate::stress::{Needs, Stressor, Worker};

/// See the top of the file.
pub(in crate::stress) static STRESSOR: Stressor = Stressor { info: &INFO, needs, work };

static INFO: ProbeInfo = info(
    "stress.network",
    "Loads the network stack on the loopback with connections or packets.",
    "Numbers go there and must come back. The loopback has no wire, so as a load on a network card it is wrong.",
    &[
        ParamDef {
            name: "mode",
            kind: ParamKind::Choice(&["churn", "idle", "packets"]),
            default: Some("churn"),
            tiny: None,
            doc: "new connections, many idle ones, or datagrams",
        },
        ParamDef {
            name: "connections",
            kind: ParamKind::Count { min: 1, max: 100_000 },
            default: Some("500"),
            tiny: Some("20"),
            doc: "idle connections of each thread",
        },
        INTENSITY,
        DURATION,
        RAMP,
        THREADS,
        NICE,
    ],
);

/// Datagrams in a burst.
const BURST: u64 = 64;
/// How long an answer on the loopback may take.
const PATIENCE: Duration = Duration::from_secs(5);

fn needs(args: &Args) -> Needs {
    let each = if args.text("mode") == "idle" { args.whole("connections") } else { 4 };
    // Both ends of a connection are ours.
    let threads = args.threads("threads", crate::room::processors().len()) as u64;
    Needs { count: each.saturating_mul(2).saturating_mul(threads), ..Needs::default() }
}

fn work(args: &Args, worker: &mut Worker) -> Result<(), String> {
    let done = match args.text("mode") {
        "idle" => idle(worker, args.whole("connections")),
        "packets" => packets(worker),
        _ => churn(worker),
    };
    done.map_err(|error| error.to_string())
}

/// A connection with both its ends.
fn pair(listener: &TcpListener) -> std::io::Result<(TcpStream, TcpStream)> {
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    for end in [&client, &server] {
        end.set_read_timeout(Some(PATIENCE))?;
        end.set_nodelay(true)?;
    }
    Ok((client, server))
}

/// A number there and back; says what came.
fn echo(worker: &mut Worker, ends: &mut (TcpStream, TcpStream), number: u64) -> std::io::Result<()> {
    let mut bytes = [0_u8; 8];
    ends.0.write_all(&number.to_le_bytes())?;
    ends.1.read_exact(&mut bytes)?;
    if worker.plants() {
        bytes[2] ^= 1;
    }
    ends.1.write_all(&bytes)?;
    ends.0.read_exact(&mut bytes)?;
    let got = u64::from_le_bytes(bytes);
    worker.checked(got == number, || format!("network: {got} came back instead of {number}"));
    Ok(())
}

/// Closing sends a reset: the port is free at once.
pub(crate) fn reset_on_close(stream: &TcpStream) -> std::io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let size = libc::socklen_t::try_from(size_of::<libc::linger>()).unwrap_or(8);
    // SAFETY: the descriptor is open, and the option's value lives through the call and has the size given.
    let done = unsafe {
        libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), size)
    };
    if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

fn churn(worker: &mut Worker) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    for number in 0_u64.. {
        let mut ends = pair(&listener)?;
        echo(worker, &mut ends, number)?;
        reset_on_close(&ends.0)?;
        drop(ends.0);
        if !worker.turn(1) {
            break;
        }
    }
    Ok(())
}

fn idle(worker: &mut Worker, connections: u64) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut open = Vec::new();
    for number in 0_u64.. {
        if (open.len() as u64) < connections {
            let ends = pair(&listener)?;
            reset_on_close(&ends.0)?;
            open.push(ends);
        }
        #[expect(clippy::cast_possible_truncation, reason = "an index below the number of connections")]
        let at = (number % open.len() as u64) as usize;
        echo(worker, &mut open[at], number)?;
        if !worker.turn(1) {
            break;
        }
        if open.len() as u64 == connections {
            // They are to be idle: what loads the kernel is that they are there.
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}

fn packets(worker: &mut Worker) -> std::io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(socket.local_addr()?)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut next = 0_u64;
    loop {
        let first = next;
        for number in first..first + BURST {
            let sent = if number == first && worker.plants() { number + 1_000_000 } else { number };
            socket.send(&sent.to_le_bytes())?;
        }
        next = first + BURST;
        let mut last = None;
        for _ in 0..BURST {
            let mut bytes = [0_u8; 16];
            match socket.recv(&mut bytes) {
                Ok(size) => {
                    let mut word = [0_u8; 8];
                    word.copy_from_slice(&bytes[..8]);
                    let number = u64::from_le_bytes(word);
                    // On the loopback nothing overtakes; what found no room is missing.
                    let right = size == 8 && (first..next).contains(&number) && last.is_none_or(|last| last < number);
                    worker.checked(right, || format!("network: datagram {number} in the burst from {first}"));
                    last = right.then_some(number).or(last);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if !worker.turn(BURST) {
            return Ok(());
        }
    }
}

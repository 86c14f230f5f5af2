//! A token that goes round through two pipes, and what a pipe costs by itself: the ring of lmbench's `lat_ctx`.
//!
//! The token is a counter of four bytes. Each side checks that it gets the number it must get and sends the next, so a
//! hop that did not happen cannot be counted.
#![expect(unsafe_code, reason = "read and write straight on descriptors, also in a forked child")]

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsRawFd, RawFd};

/// One side's ends: where the token comes from and where it goes.
#[derive(Debug)]
pub struct Ends {
    from: PipeReader,
    to: PipeWriter,
}

impl Ends {
    /// The ends of two sides that are joined by two pipes.
    ///
    /// # Errors
    /// When the system gives no pipe.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (from_first, to_second) = io::pipe()?;
        let (from_second, to_first) = io::pipe()?;
        Ok((Self { from: from_second, to: to_second }, Self { from: from_first, to: to_first }))
    }

    /// The ends of one side that is joined to itself.
    ///
    /// # Errors
    /// When the system gives no pipe.
    pub fn ring() -> io::Result<Self> {
        let (from, to) = io::pipe()?;
        Ok(Self { from, to })
    }

    /// Sends the token and waits for it, `trips` times, from number `first` on. Alone ([`Ends::ring`]) the same number
    /// comes back, otherwise the next.
    ///
    /// # Errors
    /// When a pipe breaks or another number comes back.
    pub fn serve(&self, first: u32, trips: u32, alone: bool) -> io::Result<()> {
        let mut token = first;
        for _ in 0..trips {
            send(self.to.as_raw_fd(), token)?;
            token = token.wrapping_add(u32::from(!alone));
            expect(receive(self.from.as_raw_fd())?, token)?;
            token = token.wrapping_add(1);
        }
        Ok(())
    }

    /// Waits for the token and sends it back with the next number, `trips` times.
    ///
    /// # Errors
    /// When a pipe breaks.
    pub fn answer(&self, trips: u32) -> io::Result<()> {
        answer(self.from.as_raw_fd(), self.to.as_raw_fd(), Some(trips))
    }

    /// The descriptors: from, to.
    #[must_use]
    pub fn descriptors(&self) -> (RawFd, RawFd) {
        (self.from.as_raw_fd(), self.to.as_raw_fd())
    }
}

/// Answers tokens until the pipe ends, or so many. Calls nothing but `read` and `write`, so a child may do it right
/// after `fork`.
///
/// # Errors
/// When a pipe breaks.
pub fn answer(from: RawFd, to: RawFd, trips: Option<u32>) -> io::Result<()> {
    let mut left = trips;
    while left != Some(0) {
        let token = receive(from)?;
        send(to, token.wrapping_add(1))?;
        left = left.map(|left| left - 1);
    }
    Ok(())
}

fn send(to: RawFd, token: u32) -> io::Result<()> {
    // SAFETY: four readable bytes.
    match unsafe { libc::write(to, (&raw const token).cast(), size_of::<u32>()) } {
        4 => Ok(()),
        -1 => Err(io::Error::last_os_error()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

fn receive(from: RawFd) -> io::Result<u32> {
    let mut token = 0u32;
    // SAFETY: four writable bytes.
    match unsafe { libc::read(from, (&raw mut token).cast(), size_of::<u32>()) } {
        4 => Ok(token),
        -1 => Err(io::Error::last_os_error()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn expect(got: u32, wanted: u32) -> io::Result<()> {
    if got == wanted {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("token {got} came back, not {wanted}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_round() {
        Ends::ring().unwrap().serve(7, 10, true).unwrap();
        let (one, two) = Ends::pair().unwrap();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| two.answer(10));
            one.serve(7, 10, false).unwrap();
            other.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_wrong_token_and_a_lost_partner_are_errors() {
        // Nobody adds one on the way.
        let error = Ends::ring().unwrap().serve(7, 1, false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let (one, two) = Ends::pair().unwrap();
        drop(two);
        assert!(one.serve(0, 1, false).is_err());
    }
}

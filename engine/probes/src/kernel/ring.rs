//! A chase over chosen places: lines that share a set of a cache, one line of each page, or the same number of lines
//! side by side. As `kernel::chase`, which walks all lines of a region.
#![expect(unsafe_code, reason = "following pointers through a mapped buffer")]

use super::chase::{BrokenChain, UNROLL, follow};
use super::random::SplitMix;
use crate::harness::buffer::{Buffer, Obtained};

/// A buffer with links between some of its places, and where the walk stands.
#[derive(Debug)]
pub struct Ring {
    buffer: Buffer,
    places: usize,
    first: usize,
    position: *const usize,
}

// SAFETY: `position` points into the buffer that the value owns.
unsafe impl Send for Ring {}

impl Ring {
    /// Links the given places to one cycle in random order.
    ///
    /// # Panics
    /// As [`Ring::relink`].
    #[must_use]
    pub fn new(buffer: Buffer, places: &[usize], seed: u64) -> Self {
        let position = buffer.as_ptr().cast();
        let mut ring = Self { buffer, places: 0, first: 0, position };
        ring.relink(places, seed);
        ring
    }

    /// Links other places. `places` are byte offsets in the buffer, all different, each with room for a pointer.
    ///
    /// # Panics
    /// When there is no place, or one is outside the buffer or not aligned to a pointer.
    pub fn relink(&mut self, places: &[usize], seed: u64) {
        assert!(!places.is_empty(), "a ring needs a place");
        let mut order = places.to_vec();
        let mut random = SplitMix::new(seed);
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last + 1));
        }
        let start = self.buffer.as_ptr() as usize;
        for (at, place) in order.iter().enumerate() {
            self.buffer.slice_mut::<usize>(*place, 1)[0] = start + order[(at + 1) % order.len()];
        }
        self.places = order.len();
        self.first = order[0];
        self.position = (start + order[0]) as *const usize;
    }

    /// Places of the cycle.
    #[must_use]
    pub fn places(&self) -> usize {
        self.places
    }

    /// Follows at least `loads` links, from where the last walk ended, and says how many.
    pub fn walk(&mut self, loads: u64) -> u64 {
        let turns = loads.div_ceil(UNROLL).max(1);
        // SAFETY: the links form one cycle inside the buffer (see `relink`), which `&mut self` keeps as they are.
        self.position = unsafe { follow(self.position, turns) };
        turns * UNROLL
    }

    /// Follows every link once, with checks: one cycle over all places.
    ///
    /// # Errors
    /// How the links are broken.
    pub fn verify(&self) -> Result<(), BrokenChain> {
        let start = self.buffer.as_ptr() as usize;
        let lines = self.places;
        let mut place = self.first;
        for step in 0..lines {
            place = self.buffer.slice::<usize>(place, 1)[0].wrapping_sub(start);
            if place >= self.buffer.len() || !place.is_multiple_of(size_of::<usize>()) {
                return Err(BrokenChain::Astray { step, lines });
            }
            if place == self.first && step + 1 < lines {
                return Err(BrokenChain::NotOneCycle { visited: step + 1, lines });
            }
        }
        if place == self.first { Ok(()) } else { Err(BrokenChain::NotOneCycle { visited: lines + 1, lines }) }
    }

    /// What pages the buffer lies in.
    #[must_use]
    pub fn obtained(&self) -> Option<Obtained> {
        self.buffer.obtained()
    }
}

/// Nanoseconds of a load: the fastest of `samples` walks of about `nanos` each, after one that fills the caches.
///
/// # Errors
/// When the links are not one cycle.
pub fn fastest(ring: &mut Ring, samples: usize, nanos: f64) -> Result<f64, BrokenChain> {
    use crate::harness::clock::Stopwatch;
    ring.verify()?;
    ring.walk(2 * ring.places() as u64);
    let mut loads = 4 * UNROLL;
    loop {
        let watch = Stopwatch::start();
        ring.walk(loads);
        if watch.stop().as_nanos() as f64 >= nanos || loads > 1 << 40 {
            break;
        }
        loads *= 2;
    }
    let mut best = f64::INFINITY;
    for _ in 0..samples.max(1) {
        let watch = Stopwatch::start();
        let walked = ring.walk(loads);
        best = best.min(watch.stop().as_nanos() as f64 / walked as f64);
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::buffer::Pages;

    fn ring(places: &[usize]) -> Ring {
        Ring::new(Buffer::map(1 << 20, Pages::System, u64::MAX).unwrap(), places, 3)
    }

    #[test]
    fn any_places_are_one_cycle() {
        for stride in [8, 64, 4096, 4160] {
            for count in [1, 2, 3, 17, 200] {
                let places: Vec<usize> = (0..count).map(|i| i * stride).collect();
                let mut ring = ring(&places);
                assert_eq!(ring.places(), count);
                ring.verify().unwrap();
                ring.walk(1_000);
                ring.verify().unwrap();
                assert!(fastest(&mut ring, 2, 1e4).unwrap() > 0.05);
            }
        }
    }

    #[test]
    fn planted_errors_are_found() {
        let places: Vec<usize> = (0..100).map(|i| i * 4096).collect();
        let mut short = ring(&places);
        let (a, b) = (short.buffer.slice::<usize>(4096, 1)[0], short.buffer.slice::<usize>(8192, 1)[0]);
        short.buffer.slice_mut::<usize>(4096, 1)[0] = b;
        short.buffer.slice_mut::<usize>(8192, 1)[0] = a;
        assert!(matches!(short.verify(), Err(BrokenChain::NotOneCycle { .. })), "two cycles");
        assert!(fastest(&mut short, 1, 1.0).is_err(), "nothing is measured on a broken ring");
        let mut wild = ring(&places);
        wild.buffer.slice_mut::<usize>(0, 1)[0] = 16;
        assert!(matches!(wild.verify(), Err(BrokenChain::Astray { .. })));
    }
}

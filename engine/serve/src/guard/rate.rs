//! How often anyone may ask, and how often anyone may guess.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::error::ApiError;

/// Addresses that are remembered; more are forgotten, those that have been silent longest first.
const REMEMBERED: usize = 1024;

/// Wrong tokens a minute, from one address.
const GUESSES: f64 = 10.0;

/// Buckets that fill at a rate and hold as much as five seconds of it.
#[derive(Debug)]
pub(crate) struct Rates {
    per_second: f64,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    requests: f64,
    guesses: f64,
    seen: Instant,
}

impl Rates {
    pub(crate) fn new(per_second: f64) -> Self {
        Self { per_second, buckets: Mutex::new(HashMap::new()) }
    }

    /// Counts a request.
    pub(crate) fn request(&self, peer: IpAddr) -> Result<(), ApiError> {
        self.take(peer, Instant::now(), |bucket| &mut bucket.requests).map_err(|()| ApiError::too_many(1))
    }

    /// Counts a wrong token.
    pub(crate) fn guess(&self, peer: IpAddr) -> Result<(), ApiError> {
        self.take(peer, Instant::now(), |bucket| &mut bucket.guesses).map_err(|()| ApiError::too_many(60))
    }

    fn take(&self, peer: IpAddr, now: Instant, which: impl Fn(&mut Bucket) -> &mut f64) -> Result<(), ()> {
        let most = self.per_second * 5.0;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED && !buckets.contains_key(&peer) {
            let oldest = buckets.iter().min_by_key(|(_, bucket)| bucket.seen).map(|(peer, _)| *peer);
            oldest.map(|peer| buckets.remove(&peer));
        }
        let bucket = buckets.entry(peer).or_insert(Bucket { requests: most, guesses: GUESSES, seen: now });
        let passed = now.saturating_duration_since(bucket.seen).as_secs_f64();
        bucket.seen = now;
        bucket.requests = (bucket.requests + passed * self.per_second).min(most);
        bucket.guesses = (bucket.guesses + passed * GUESSES / 60.0).min(GUESSES);
        let left = which(bucket);
        if *left < 1.0 {
            return Err(());
        }
        *left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let rates = Rates::new(2.0);
        let (peer, now) = (IpAddr::from([127, 0, 0, 1]), Instant::now());
        let ask = |at| rates.take(peer, at, |bucket| &mut bucket.requests).is_ok();
        assert_eq!((0..12).filter(|_| ask(now)).count(), 10);
        assert!(ask(now + Duration::from_secs(1)));
        assert!(ask(now + Duration::from_secs(1)));
        assert!(!ask(now + Duration::from_secs(1)));
    }

    #[test]
    fn ten_guesses_a_minute_and_other_addresses_are_not_held_up() {
        let rates = Rates::new(1000.0);
        let now = Instant::now();
        let guess = |peer: [u8; 4]| rates.take(peer.into(), now, |bucket| &mut bucket.guesses).is_ok();
        assert_eq!((0..50).filter(|_| guess([10, 0, 0, 1])).count(), 10);
        assert!(guess([10, 0, 0, 2]));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let rates = Rates::new(10.0);
        let now = Instant::now();
        for n in 0..3000_u32 {
            assert!(rates.take(IpAddr::from(n.to_be_bytes()), now, |bucket| &mut bucket.requests).is_ok());
        }
        assert!(rates.buckets.lock().unwrap().len() <= REMEMBERED);
    }
}

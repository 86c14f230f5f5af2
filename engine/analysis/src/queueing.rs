//! Queueing theory: what a service with `c` workers should answer like, if arrivals are random (Poisson) and service times
//! exponential: the M/M/c queue, first come, first served (Erlang 1917; Gross, Shortle, Thompson and Harris,
//! "Fundamentals of Queueing Theory", chapter 3).
//!
//! What would make it wrong of a real service: service times that vary less (waits are shorter; half as long if they do not
//! vary at all) or more (longer), arrivals in bursts, a bound on the queue, and workers that slow each other down.

/// The probability that all of `servers` are busy if those who find them so are sent away: Erlang's B formula. `load` is
/// the arrival rate times the mean service time. By the recursion on the number of servers, which is stable.
pub fn erlang_b(servers: u32, load: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, n| load * blocked / (f64::from(n) + load * blocked))
}

/// The probability that an arrival has to wait: Erlang's C formula. One where the servers cannot keep up.
pub fn erlang_c(servers: u32, load: f64) -> f64 {
    if load >= f64::from(servers) {
        return 1.0;
    }
    let blocked = erlang_b(servers, load);
    let utilisation = load / f64::from(servers);
    blocked / (1.0 - utilisation * (1.0 - blocked))
}

/// An M/M/c queue that keeps up with its arrivals. All times in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Queue {
    servers: u32,
    /// Arrivals per second.
    arrivals: f64,
    /// Mean service time.
    service: f64,
    /// Probability of waiting.
    waits: f64,
}

impl Queue {
    /// The queue of `servers` workers with a mean service time of `service` seconds under `arrivals` per second. `None`
    /// when it has no steady state, because it cannot keep up, or a number is impossible.
    pub fn new(servers: u32, arrivals: f64, service: f64) -> Option<Self> {
        let load = arrivals * service;
        let possible = arrivals >= 0.0 && service > 0.0 && service.is_finite() && load < f64::from(servers);
        possible.then(|| Self { servers, arrivals, service, waits: erlang_c(servers, load) })
    }

    /// Share of time in which a worker is busy, 0 to 1.
    pub fn utilisation(&self) -> f64 {
        self.arrivals * self.service / f64::from(self.servers)
    }

    /// Probability that an arrival has to wait.
    pub fn waits(&self) -> f64 {
        self.waits
    }

    /// Mean time from arrival to the beginning of service, those who do not wait included.
    pub fn mean_wait(&self) -> f64 {
        self.waits * self.service / (f64::from(self.servers) - self.arrivals * self.service)
    }

    /// Mean time from arrival to the end of service.
    pub fn mean_response(&self) -> f64 {
        self.mean_wait() + self.service
    }

    /// Mean number that wait, by Little's law.
    pub fn mean_waiting(&self) -> f64 {
        self.arrivals * self.mean_wait()
    }

    /// Mean number that wait or are served, by Little's law.
    pub fn mean_present(&self) -> f64 {
        self.arrivals * self.mean_response()
    }

    /// Probability that the response takes longer than `time`.
    ///
    /// The wait is zero or, with probability C, exponential at the rate `c mu - lambda`; the response is that plus an
    /// independent exponential service time.
    pub fn response_exceeds(&self, time: f64) -> f64 {
        if time <= 0.0 {
            return 1.0;
        }
        let x = time / self.service;
        // Excess of the rate at which a queue is worked off over that of one service, in units of the latter.
        let excess = f64::from(self.servers) - self.arrivals * self.service - 1.0;
        if excess * x < -30.0 {
            // The quotient below would overflow although its product with exp(-x) is small.
            let share = self.waits / -excess;
            return ((1.0 - share) * (-x).exp() + share * (-(1.0 + excess) * x).exp()).clamp(0.0, 1.0);
        }
        // (1 - exp(-excess x)) / excess, which tends to x as both rates become one.
        let grown = if (excess * x).abs() < 1e-9 { x } else { -(-excess * x).exp_m1() / excess };
        ((-x).exp() * (1.0 + self.waits * grown)).clamp(0.0, 1.0)
    }

    /// The response time that a share `q` (0 to 1) of requests does not exceed; infinite for 1.
    pub fn response_quantile(&self, q: f64) -> f64 {
        quantile(q, self.service, |time| self.response_exceeds(time))
    }

    /// The wait that a share `q` (0 to 1) of requests does not exceed; infinite for 1.
    pub fn wait_quantile(&self, q: f64) -> f64 {
        let exceeds = 1.0 - q.clamp(0.0, 1.0);
        if exceeds >= self.waits {
            return 0.0;
        }
        (self.waits / exceeds).ln() * self.service / (f64::from(self.servers) - self.arrivals * self.service)
    }
}

/// Where a falling probability of exceeding passes `1 - q`, by doubling and bisection.
fn quantile(q: f64, scale: f64, exceeds: impl Fn(f64) -> f64) -> f64 {
    let beyond = 1.0 - q.clamp(0.0, 1.0);
    if beyond <= 0.0 {
        return f64::INFINITY;
    }
    let (mut low, mut high) = (0.0, scale);
    while exceeds(high) > beyond && high.is_finite() {
        (low, high) = (high, 2.0 * high);
    }
    while high - low > 1e-13 * high {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if exceeds(middle) > beyond {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine_core::stats::{Stream, quantile::quantile as of_sorted};
    use proptest::prelude::*;

    #[track_caller]
    fn close(got: f64, want: f64, relative: f64) {
        assert!((got - want).abs() <= relative * want.abs(), "got {got}, want {want}");
    }

    #[test]
    fn erlang_b_agrees_with_published_tables() {
        // The traffic in erlangs that so many circuits carry at this blocking, as in the tables of the telephone companies.
        for (circuits, blocking, erlangs) in [
            (1, 0.01, 0.0101),
            (2, 0.01, 0.153),
            (5, 0.01, 1.361),
            (10, 0.01, 4.461),
            (20, 0.01, 12.03),
            (50, 0.01, 37.90),
            (100, 0.01, 84.06),
            (10, 0.05, 6.216),
            (20, 0.02, 13.18),
        ] {
            let got = erlang_b(circuits, erlangs);
            assert!((got / blocking - 1.0).abs() < 0.01, "{circuits} at {erlangs} erlangs: {got}, want {blocking}");
        }
        // Worked out by hand: a^c / c! over the sum.
        close(erlang_b(2, 1.0), 0.2, 1e-14);
        close(erlang_b(4, 2.0), 2.0 / 21.0, 1e-14);
        assert_eq!((erlang_b(0, 3.0), erlang_b(3, 0.0)), (1.0, 0.0));
    }

    #[test]
    fn erlang_c_agrees_with_known_values() {
        // One server: the utilisation. Two: 2 rho^2 / (1 + rho). Four at load two: 4/23. All in closed form.
        close(erlang_c(1, 0.7), 0.7, 1e-14);
        close(erlang_c(2, 1.0), 1.0 / 3.0, 1e-14);
        close(erlang_c(4, 2.0), 4.0 / 23.0, 1e-14);
        close(erlang_c(10, 8.0), 0.409_180, 1e-5);
        assert_eq!((erlang_c(3, 3.0), erlang_c(3, 9.0), erlang_c(3, 0.0)), (1.0, 1.0, 0.0));
    }

    #[test]
    fn one_server_has_the_closed_form() {
        let queue = Queue::new(1, 70.0, 0.01).unwrap();
        close(queue.utilisation(), 0.7, 1e-14);
        close(queue.mean_response(), 0.01 / 0.3, 1e-12);
        close(queue.mean_wait(), 0.7 * 0.01 / 0.3, 1e-12);
        close(queue.mean_present(), 0.7 / 0.3, 1e-12);
        close(queue.mean_waiting(), 0.49 / 0.3, 1e-12);
        for q in [0.5, 0.9, 0.95, 0.99, 0.999_999] {
            close(queue.response_quantile(q), -(1.0 - q).ln() * 0.01 / 0.3, 1e-9);
        }
        close(queue.wait_quantile(0.95), (0.7_f64 / 0.05).ln() * 0.01 / 0.3, 1e-12);
        assert_eq!((queue.wait_quantile(0.29), queue.wait_quantile(0.1)), (0.0, 0.0));
        assert_eq!((queue.response_exceeds(0.0), queue.response_quantile(1.0)), (1.0, f64::INFINITY));
    }

    #[test]
    fn textbook_queues_of_several_servers() {
        // An eye clinic with three doctors of 20 minutes each and six arrivals an hour (Gross and Harris, example 3.1):
        // W_q = 4/9 x 20 min = 8.89 min waiting for those two erlangs, L = 2.889.
        let clinic = Queue::new(3, 6.0 / 3600.0, 1200.0).unwrap();
        close(clinic.waits(), 4.0 / 9.0, 1e-12);
        close(clinic.mean_wait(), 4.0 / 9.0 * 1200.0, 1e-12);
        close(clinic.mean_present(), 2.0 + 8.0 / 9.0, 1e-12);
        // Two servers at load one: the queue is worked off at the rate of one service, where the formula has no quotient.
        let even = Queue::new(2, 1.0, 1.0).unwrap();
        close(even.response_exceeds(2.0), (-2.0_f64).exp() * (1.0 + 2.0 / 3.0), 1e-12);
        let near = Queue::new(2, 1.0 + 1e-7, 1.0).unwrap();
        close(near.response_exceeds(2.0), even.response_exceeds(2.0), 1e-6);
    }

    #[test]
    fn a_simulated_queue_has_these_quantiles() {
        for (servers, load) in [(1_u32, 0.5), (4, 2.8), (3, 2.0), (16, 15.0)] {
            let queue = Queue::new(servers, load, 1.0).unwrap();
            let mut draws = Stream::new(5, &[u64::from(servers)]);
            let (mut free, mut now) = (vec![0.0_f64; servers as usize], 0.0);
            let mut responses: Vec<f64> = (0..1_000_000)
                .map(|_| {
                    now += draws.exponential() / load;
                    let first = (0..free.len()).min_by(|a, b| free[*a].total_cmp(&free[*b])).unwrap();
                    free[first] = free[first].max(now) + draws.exponential();
                    free[first] - now
                })
                .collect();
            let mean = responses.iter().sum::<f64>() / 1e6;
            responses.sort_unstable_by(f64::total_cmp);
            // Long queues change slowly: a million requests at 94 % are few independent ones.
            let within = if servers == 16 { 0.06 } else { 0.02 };
            close(mean, queue.mean_response(), within);
            for q in [0.5, 0.95, 0.99] {
                close(of_sorted(&responses, q), queue.response_quantile(q), within);
            }
        }
    }

    #[test]
    fn without_a_steady_state_there_is_no_answer() {
        assert_eq!(Queue::new(2, 2.0, 1.0), None);
        assert_eq!(Queue::new(0, 0.0, 1.0), None);
        assert_eq!(Queue::new(1, f64::NAN, 1.0), None);
        assert_eq!(Queue::new(1, 1.0, 0.0), None);
        assert_eq!(Queue::new(1, 0.0, 1.0).unwrap().mean_response(), 1.0);
    }

    proptest! {
        #[test]
        fn quantiles_and_probabilities_are_inverse(
            servers in 1_u32..400,
            share in 0.0..0.999_f64,
            service in 1e-6..1e3_f64,
            q in 0.001..0.999_f64,
        ) {
            let queue = Queue::new(servers, share * f64::from(servers) / service, service).unwrap();
            let time = queue.response_quantile(q);
            prop_assert!((queue.response_exceeds(time) - (1.0 - q)).abs() < 1e-9);
            prop_assert!(time >= queue.wait_quantile(q));
            prop_assert!(queue.response_exceeds(1.1 * time) <= queue.response_exceeds(time));
            prop_assert!((0.0..=1.0).contains(&queue.waits()));
        }
    }
}

//! What a service needs for what it does: requests per CPU-second, memory per user.

use crate::stats::quantile::median;

/// Requests that ended well for each second of CPU time of the target. `None` where no CPU time was seen: a process that
/// used less than one tick of the system's clock says nothing.
#[must_use]
pub fn requests_per_cpu_second(ok: u64, cpu_seconds: f64) -> Option<f64> {
    (cpu_seconds > 0.0 && cpu_seconds.is_finite()).then(|| ok as f64 / cpu_seconds)
}

/// Resident bytes for each user, from pairs of (users, bytes) in order of time.
///
/// The median slope between all pairs with unlike numbers of users (Theil and Sen), which outliers do not move, up to the
/// time with the most users: what comes after that says little, as freed memory often stays with the process. Until then,
/// what a process takes once, at its first user, counts for all of them, so a ramp says more than a step. `None` without
/// two unlike numbers of users.
#[must_use]
pub fn bytes_per_user(points: &[(f64, f64)]) -> Option<f64> {
    let most = points.iter().map(|point| point.0).fold(f64::NEG_INFINITY, f64::max);
    let until = points.iter().position(|point| point.0 == most)? + 1;
    // The plateau at the top counts too, up to its last point before users go.
    let plateau = points[until..].iter().take_while(|point| point.0 == most).count();
    let used = thinned(&points[..until + plateau]);
    let slopes: Vec<f64> = (0..used.len())
        .flat_map(|i| (i + 1..used.len()).map(move |j| (i, j)))
        .filter(|(i, j)| used[*i].0 != used[*j].0)
        .map(|(i, j)| (used[j].1 - used[i].1) / (used[j].0 - used[i].0))
        .collect();
    (!slopes.is_empty()).then(|| median(&slopes))
}

/// At most so many points, evenly: the pairs are their square.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const MOST: usize = 600;
    let step = points.len().div_ceil(MOST).max(1);
    points.iter().step_by(step).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Stream;

    #[test]
    fn requests_for_a_second_of_a_processor() {
        assert_eq!(requests_per_cpu_second(9000, 4.5), Some(2000.0));
        assert_eq!((requests_per_cpu_second(9000, 0.0), requests_per_cpu_second(1, f64::NAN)), (None, None));
    }

    #[test]
    fn memory_of_a_user_is_found_in_a_ramp_with_noise_and_outliers() {
        let mut draws = Stream::new(4, &[]);
        let mut points: Vec<(f64, f64)> = (0..3000)
            .map(|second| {
                let users = f64::from(second.min(2000)) / 2.0;
                (users, 5e7 + 40_960.0 * users + 3e5 * draws.normal())
            })
            .collect();
        for point in points.iter_mut().step_by(10) {
            point.1 += 5e7;
        }
        // Users leave and the memory stays, as it does with most allocators.
        points.extend((0..500).map(|second| (1000.0 - f64::from(second), 9.1e7)));
        let found = bytes_per_user(&points).unwrap();
        assert!((found / 40_960.0 - 1.0).abs() < 0.05, "{found}");
        assert_eq!(bytes_per_user(&[(5.0, 1.0), (5.0, 2.0)]), None);
        assert_eq!(bytes_per_user(&[]), None);
        assert_eq!(bytes_per_user(&[(0.0, 100.0), (10.0, 600.0)]), Some(50.0));
    }
}

use super::*;
use crate::kernel::curve::sizes;
use crate::kernel::random::SplitMix;
use proptest::prelude::*;

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;

/// How the share of hits falls beyond the capacity.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// None hits: strict replacement of the oldest under a cyclic walk.
    Sharp,
    /// `capacity / size` to this power: random replacement, or hashed sets.
    Share(f64),
}

impl Shape {
    fn hits(self, capacity: f64, size: f64) -> f64 {
        match self {
            _ if size <= capacity => 1.0,
            Self::Sharp => 0.0,
            Self::Share(power) => (capacity / size).powf(power),
        }
    }
}

/// Latency of a machine with these caches (capacity, latency) before a memory of this latency, with noise upwards
/// (and a little to both sides), by 1/1000.
fn curve(caches: &[(f64, f64)], memory: f64, shape: Shape, per_octave: u32, noise: f64) -> Vec<(f64, f64)> {
    let mut random = SplitMix::new(42);
    let mut uniform = || random.below(1_000_001) as f64 / 1e6;
    let most = caches.last().map_or(64.0 * MIB, |cache| cache.0 * 8.0);
    let measured = sizes(4 << 10, most as usize, per_octave).into_iter().map(|bytes| {
        let size = bytes as f64;
        let mut latency = caches.first().map_or(memory, |cache| cache.1);
        for (i, (capacity, own)) in caches.iter().enumerate() {
            let next = caches.get(i + 1).map_or(memory, |cache| cache.1);
            latency += (next - own) * (1.0 - shape.hits(*capacity, size));
        }
        let spike = if uniform() < 0.02 { 1.0 + uniform() } else { 1.0 };
        (size, latency * spike.min(1.0 + 100.0 * noise) * (1.0 + noise * (2.0 * uniform() - 1.0)))
    });
    measured.collect()
}

fn assert_found(caches: &[(f64, f64)], memory: f64, shape: Shape, per_octave: u32, noise: f64) {
    let found = knees(&curve(caches, memory, shape, per_octave, noise));
    let context = || format!("{shape:?}, {per_octave} an octave, noise {noise}: {found:#?}");
    assert_eq!(found.len(), caches.len(), "{}", context());
    for (knee, (capacity, _)) in found.iter().zip(caches) {
        assert!((knee.bytes / capacity - 1.0).abs() <= 0.15, "{capacity}: {}", context());
        assert!(knee.low <= *capacity * 1.01 && *capacity <= knee.high * 1.01, "{capacity}: {}", context());
        assert!(knee.low <= knee.bytes && knee.bytes <= knee.high && knee.before < knee.after);
    }
}

const SHAPES: [Shape; 5] = [Shape::Sharp, Shape::Share(8.0), Shape::Share(4.0), Shape::Share(2.0), Shape::Share(1.0)];

fn assert_found_in_all_shapes(caches: &[(f64, f64)], memory: f64) {
    for shape in SHAPES {
        for per_octave in [8, 16] {
            for noise in [0.0, 0.003, 0.01] {
                assert_found(caches, memory, shape, per_octave, noise);
            }
        }
    }
}

#[test]
fn an_ordinary_machine() {
    assert_found_in_all_shapes(&[(48.0 * KIB, 1.1), (2.0 * MIB, 3.6), (32.0 * MIB, 18.0)], 95.0);
}

#[test]
fn a_virtual_machine_with_a_small_share_of_the_last_level() {
    for share in [2.0, 3.0, 4.0] {
        assert_found_in_all_shapes(&[(32.0 * KIB, 1.1), (1.0 * MIB, 3.9), (share * MIB, 16.0)], 125.0);
    }
}

#[test]
fn a_stacked_cache_of_96_mib() {
    assert_found_in_all_shapes(&[(32.0 * KIB, 0.8), (1.0 * MIB, 2.8), (96.0 * MIB, 11.0)], 80.0);
}

#[test]
fn sizes_that_are_no_powers_of_two() {
    assert_found_in_all_shapes(&[(48.0 * KIB, 1.0), (1.25 * MIB, 3.0), (30.0 * MIB, 21.0)], 90.0);
}

#[test]
fn two_levels_and_one() {
    assert_found_in_all_shapes(&[(32.0 * KIB, 1.2), (1.0 * MIB, 7.0)], 110.0);
    assert_found_in_all_shapes(&[(64.0 * KIB, 1.2)], 60.0);
}

#[test]
fn a_flat_curve_has_none() {
    for noise in [0.0, 0.01, 0.03, 0.08] {
        let curve = curve(&[], 80.0, Shape::Sharp, 16, noise);
        assert_eq!(knees(&curve), [], "noise {noise}");
    }
}

#[test]
fn a_gentle_slope_has_none() {
    let slope: Vec<_> =
        (0..200).map(|i| (2f64.powf(12.0 + f64::from(i) / 16.0), 4.0 * 1.1f64.powf(f64::from(i) / 16.0))).collect();
    assert_eq!(knees(&slope), []);
}

#[test]
fn sloping_plateaus_do_not_hide_the_knees() {
    // A neighbour takes its share: 8 % an octave on top of every plateau.
    let caches = [(32.0 * KIB, 1.2), (1.0 * MIB, 4.1), (12.0 * MIB, 15.0)];
    for shape in [Shape::Sharp, Shape::Share(4.0), Shape::Share(2.0)] {
        let sloped = curve(&caches, 130.0, shape, 8, 0.003).into_iter();
        let sloped: Vec<_> =
            sloped.map(|(size, ns)| (size, ns * (size / 4096.0).log2().mul_add(0.08, 0.0).exp2())).collect();
        let found = knees(&sloped);
        assert_eq!(found.len(), 3, "{shape:?} {found:#?}");
        for (knee, (capacity, _)) in found.iter().zip(caches) {
            assert!((knee.bytes / capacity - 1.0).abs() <= 0.15, "{shape:?} {found:#?}");
        }
    }
}

#[test]
fn a_smooth_transition_is_where_it_begins_to_rise() {
    // Logistic in the logarithm of the size, a fifth of an octave wide, centred half an octave after the capacity.
    let capacity = 512.0 * KIB;
    let smooth: Vec<_> = sizes(4 << 10, 64 << 20, 16)
        .into_iter()
        .map(|bytes| {
            let octaves = (bytes as f64 / capacity).log2() - 0.5;
            (bytes as f64, 4.0 * 8f64.powf(1.0 / (1.0 + (-octaves / 0.1).exp())))
        })
        .collect();
    let found = knees(&smooth);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!((found[0].bytes / capacity).log2().abs() < 0.45, "{found:#?}");
}

#[test]
fn a_disturbed_ramp_is_one_knee() {
    // As seen beside a busy neighbour: the rise begins, falls back, and goes on half an octave later.
    let caches = [(32.0 * KIB, 1.1), (1.0 * MIB, 3.9), (7.0 * MIB, 12.0)];
    let mut disturbed = curve(&caches, 96.0, Shape::Sharp, 8, 0.003);
    for (size, ns) in &mut disturbed {
        if (7.5 * MIB..11.0 * MIB).contains(size) {
            *ns = 43.0;
        }
    }
    let found = knees(&disturbed);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!((found[1].bytes / MIB - 1.0).abs() < 0.15, "{found:#?}");
}

#[test]
fn too_little_is_no_curve() {
    assert_eq!(knees(&[]), []);
    assert_eq!(knees(&[(1.0, 1.0), (2.0, 100.0)]), []);
    assert_eq!(knees(&[(f64::NAN, 1.0); 20]), []);
    assert_eq!(knees(&[(4096.0, 1.0); 20]), []);
}

proptest! {
    #[test]
    fn random_machines_are_found(
        l1 in 14.0f64..17.5, l2 in 3.5f64..6.0, l3 in 2.0f64..6.0,
        steps in [2.2f64..5.0, 2.2f64..6.0, 3.0f64..8.0], which in 0usize..SHAPES.len(), first in 0.6f64..2.0,
    ) {
        let (c1, c2, c3) = (l1.exp2(), (l1 + l2).exp2(), (l1 + l2 + l3).exp2());
        let caches = [(c1, first), (c2, first * steps[0]), (c3, first * steps[0] * steps[1])];
        assert_found(&caches, first * steps[0] * steps[1] * steps[2], SHAPES[which], 16, 0.003);
    }

    #[test]
    fn units_do_not_matter(scale in 0.01f64..1000.0) {
        let one = curve(&[(32.0 * KIB, 1.2), (1.0 * MIB, 7.0)], 110.0, Shape::Share(2.0), 8, 0.003);
        let other: Vec<_> = one.iter().map(|(size, ns)| (*size, ns * scale)).collect();
        for (one, other) in knees(&one).iter().zip(knees(&other)) {
            prop_assert!((one.bytes / other.bytes - 1.0).abs() < 1e-6);
        }
    }
}

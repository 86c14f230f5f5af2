use super::super::{Store, available, portable};
use super::*;
use crate::kernel::isa::Isa;

fn arrays(n: usize) -> Arrays {
    Arrays::new(n, Pages::System, u64::MAX).unwrap()
}

fn variants() -> Vec<Passes> {
    let all = Store::ALL.into_iter();
    all.flat_map(|store| available(store).into_iter().map(move |isa| Passes::new(isa, store).unwrap())).collect()
}

/// Seven rounds of all kernels and one odd one, so that no two arrays hold the same.
fn rounds(arrays: &mut Arrays, passes: &Passes) {
    for _ in 0..7 {
        for kernel in Kernel::ALL {
            arrays.pass(passes, kernel);
        }
    }
    arrays.pass(passes, Kernel::Scale);
}

#[test]
fn every_variant_gives_what_plain_rust_gives() {
    let plain =
        Passes { isa: Isa::Scalar, store: Store::Plain, passes: portable::passes(Isa::Scalar, Store::Plain).unwrap() };
    for n in [1, GRAIN, GRAIN + 1, 1_000] {
        let mut reference = arrays(n);
        rounds(&mut reference, &plain);
        reference.verify().unwrap();
        for passes in variants() {
            let mut tried = arrays(n);
            rounds(&mut tried, &passes);
            tried.verify().unwrap_or_else(|error| panic!("{passes:?}: {error}"));
            for array in 0..3 {
                assert_eq!(tried.array(array), reference.array(array), "{passes:?}");
            }
        }
    }
}

#[test]
fn this_machine_has_both_ways_of_storing() {
    assert!(available(Store::Plain).contains(&Isa::Scalar));
    if cfg!(target_arch = "x86_64") {
        assert!(available(Store::NonTemporal).contains(&Isa::Sse2));
    }
    assert!(Passes::new(Isa::AvxFma, Store::Plain).is_err());
}

#[test]
fn each_planted_error_is_found() {
    let passes = Passes::new(super::super::best(), Store::Plain).unwrap();
    for (array, name) in ['a', 'b', 'c'].into_iter().enumerate() {
        for index in [0, 63, 64, 1_023] {
            let mut arrays = arrays(1_024);
            rounds(&mut arrays, &passes);
            arrays.spoil(array, index, |value| f64::from_bits(value.to_bits() + 1));
            let error = arrays.verify().unwrap_err();
            assert_eq!((error.array, error.index), (name, index));
        }
    }
}

#[test]
fn a_pass_too_many_is_found() {
    let passes = Passes::new(Isa::Scalar, Store::Plain).unwrap();
    let mut arrays = arrays(64);
    rounds(&mut arrays, &passes);
    arrays.forget(|arrays| {
        for kernel in Kernel::ALL {
            arrays.pass(&passes, kernel);
        }
    });
    assert!(arrays.verify().is_err());
    arrays.reset();
    arrays.verify().unwrap();
}

#[test]
fn values_stay_ordinary_over_very_many_rounds() {
    let mut value = 1.0f64;
    for _ in 0..10_000_000 {
        value *= SCALAR * SCALAR + 2.0 * SCALAR;
    }
    assert!(value.is_normal() && value < 1.0);
}

#[test]
fn bytes_are_counted_as_stream_does() {
    assert_eq!(Kernel::ALL.map(Kernel::bytes_per_element), [16, 16, 24, 24]);
    for kernel in Kernel::ALL {
        let traffic = kernel.traffic_factor(Store::Plain) * kernel.bytes_per_element() as f64;
        assert!((traffic - kernel.bytes_per_element() as f64 - 8.0).abs() < 1e-9, "one more read for each store");
        assert_eq!(Kernel::from_name(kernel.name()), Some(kernel));
    }
}

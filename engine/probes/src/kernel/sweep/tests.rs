use super::*;

fn sweeps() -> Vec<Sweep> {
    let mut sweeps: Vec<Sweep> = Isa::ALL.into_iter().filter_map(|isa| Sweep::new(isa).ok()).collect();
    sweeps.push(Sweep { isa: Isa::Scalar, passes: portable::passes(Isa::Scalar).unwrap() });
    sweeps
}

fn region(operation: Operation, bytes: usize) -> Region {
    Region::new(operation, bytes, Pages::System, u64::MAX).unwrap()
}

#[test]
fn every_kernel_does_all_of_its_work() {
    assert!(!cfg!(target_arch = "x86_64") || sweeps().len() >= 2);
    for sweep in sweeps() {
        for operation in Operation::ALL {
            for bytes in [1, GRAIN, 5 * GRAIN, 100_000] {
                let mut region = region(operation, bytes);
                assert!(region.moved() >= bytes as u64 && region.moved().is_multiple_of(GRAIN as u64));
                for rounds in [1, 2, 7] {
                    region.run(&sweep, rounds);
                    region.verify().unwrap_or_else(|error| panic!("{:?} {operation:?}: {error}", sweep.isa));
                }
            }
        }
    }
}

/// A kernel that lost one of its accumulators, and one that stops a turn early.
#[test]
fn a_dropped_accumulator_and_a_short_turn_are_found() {
    unsafe fn dropped(from: *const u8, to: *mut u8, bytes: usize, sums: &mut [u64; LANES]) {
        // SAFETY: as the caller of this pass vouches.
        unsafe { portable::passes(Isa::Scalar).unwrap()[0](from, to, bytes, sums) };
        sums[3] = 0;
    }
    unsafe fn short(from: *const u8, to: *mut u8, bytes: usize, sums: &mut [u64; LANES]) {
        // SAFETY: as the caller of this pass vouches; less is done.
        unsafe { portable::passes(Isa::Scalar).unwrap()[0](from, to, bytes - GRAIN, sums) };
    }
    unsafe fn nothing(_: *const u8, _: *mut u8, _: usize, _: &mut [u64; LANES]) {}
    for pass in [dropped as Pass, short, nothing] {
        let mut region = region(Operation::Read, 10_000);
        region.run(&Sweep { isa: Isa::Scalar, passes: [pass; 3] }, 3);
        assert!(matches!(region.verify(), Err(Mismatch::Sum { .. })));
    }
    for operation in [Operation::Write, Operation::Copy] {
        let mut region = region(operation, 10_000);
        region.run(&Sweep { isa: Isa::Scalar, passes: [nothing; 3] }, 3);
        assert!(matches!(region.verify(), Err(Mismatch::Word { index: 0, .. })), "{operation:?}");
    }
}

#[test]
fn a_wrong_word_is_found() {
    let sweep = Sweep::new(best()).unwrap_or(sweeps()[0]);
    for operation in Operation::ALL {
        for index in [0, 63, 1_000] {
            let mut region = region(operation, 20_000);
            region.run(&sweep, 2);
            region.verify().unwrap();
            region.spoil(index);
            assert!(matches!(region.verify(), Err(Mismatch::Word { index: found, .. }) if found == index));
            if operation == Operation::Read {
                region.run(&sweep, 1);
                assert!(matches!(region.verify(), Err(Mismatch::Sum { .. })), "the loads saw it too");
            }
        }
    }
}

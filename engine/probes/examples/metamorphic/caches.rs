//! The kernels of the probes of the caches, in the first levels.

use engine_probes::harness::{Buffer, Pages};
use engine_probes::kernel::chase::{Chase, Order};
use engine_probes::kernel::locality::{Join, Pair, Product, Records, Traversal};
use engine_probes::kernel::parallel::Parallel;
use engine_probes::kernel::ring::Ring;
use engine_probes::kernel::sweep::{self, Operation, Region, Sweep};

use crate::{Any, check};

/// The kernels of the other probes of the caches, in the first levels.
pub(crate) fn caches(samples: usize) -> Any<()> {
    let sweep = Sweep::new(sweep::best())?;
    for operation in Operation::ALL {
        let mut region = Region::new(operation, 16 << 10, Pages::System, u64::MAX)?;
        check(&format!("cache.bandwidth {}", operation.name()), samples, &mut |units| {
            region.run(&sweep, 16 * units);
            Ok(())
        })?;
        region.verify()?;
    }

    let ring = |places: &[usize]| -> Any<Ring> {
        let mut buffer = Buffer::map(1 << 20, Pages::Huge, u64::MAX)?;
        buffer.touch();
        Ok(Ring::new(buffer, places, 1))
    };
    // One set with room, and one page each.
    let set: Vec<usize> = (0..4).map(|line| line * 4096).collect();
    let pages: Vec<usize> = (0..200).map(|page| page * 4160).collect();
    for (name, places) in [("cache.associativity", set), ("cache.tlb", pages)] {
        let mut ring = ring(&places)?;
        ring.verify()?;
        check(name, samples, &mut |units| {
            ring.walk(units * 1_024);
            Ok(())
        })?;
    }

    let mut buffer = Buffer::map(256 << 10, Pages::Huge, u64::MAX)?;
    buffer.touch();
    let mut side_by_side = Parallel::new(Chase::new(buffer, 256 << 10, Order::FullRandom, 1))?;
    side_by_side.place(8, 0);
    check("cache.parallelism", samples, &mut |units| {
        side_by_side.walk(units * 128);
        Ok(())
    })?;
    side_by_side.verify()?;

    let pairs: [(&str, Box<dyn Pair>); 4] = [
        ("traversal", Box::new(Traversal::new(16 << 10, 1))),
        ("records", Box::new(Records::new(16 << 10, 1))),
        ("product", Box::new(Product::new(16 << 10, 1))),
        ("join", Box::new(Join::new(16 << 10, 1))),
    ];
    for (name, mut pair) in pairs {
        let expected = pair.plain();
        check(&format!("cache.locality {name}"), samples, &mut |units| match (0..units)
            .all(|_| pair.plain() == expected)
        {
            true => Ok(()),
            false => Err("one piece of work has two results".into()),
        })?;
    }
    Ok(())
}

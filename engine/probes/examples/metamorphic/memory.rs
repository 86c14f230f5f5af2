//! Reading and random access of memory.

use engine_probes::harness::Pages;
use engine_probes::kernel::read::{self, Reader, Region};
use engine_probes::kernel::updates::Table;

use crate::{Any, check};

/// Reading and random access, in the caches, where nobody else's traffic takes part.
pub(crate) fn memory(samples: usize) -> Any<()> {
    let reader = Reader::new(read::best())?;
    let region = Region::new(1_024, Pages::System, u64::MAX, 1)?;
    check("memory.read", samples, &mut |units| Ok((0..units).try_for_each(|_| region.read(&reader))?))?;

    let mut table = Table::new(1_024, Pages::System, u64::MAX, 1)?;
    check("memory.random update", samples, &mut |units| {
        table.update(units * 1_024);
        Ok(())
    })?;
    table.restore()?;
    let (mut next, mut fold) = (0, 0);
    check("memory.random read", samples, &mut |units| {
        fold ^= table.look_up(next, units * 1_024);
        next += units * 1_024;
        Ok(())
    })?;
    Ok(table.check_lookups(0, next, fold)?)
}

//! What threads cost each other, and what the kernel and the allocator cost.

use std::sync::atomic::{AtomicU64, Ordering};

use engine_probes::harness::{Buffer, Pages, pin};
use engine_probes::kernel::atomic::{Operation, Tally};
use engine_probes::kernel::call::{Call, Caller};
use engine_probes::kernel::fault::touch;
use engine_probes::kernel::futex::Lock;
use engine_probes::kernel::handoff::{Ball, Method};
use engine_probes::kernel::heap;
use engine_probes::kernel::token::Ends;

use crate::{Any, check};

/// What threads cost each other, and what the kernel and the allocator cost.
pub(crate) fn threads_and_kernel(samples: usize, cpus: &[usize]) -> Any<()> {
    for (name, operation) in
        [("add", Operation::Add), ("swap", Operation::Swap), ("compare_exchange", Operation::CompareExchange)]
    {
        let word = AtomicU64::new(0);
        check(&format!("cpu.atomics {name}"), samples, &mut |units| {
            let (before, mut tally) = (word.load(Ordering::Relaxed), Tally::default());
            operation.run(&word, units * 1_024, 1, &mut tally);
            Ok(operation.check(before, word.load(Ordering::Relaxed), &[tally])?)
        })?;
    }
    let caller = Caller::new()?;
    for (name, call) in [("null", Call::Null), ("clock", Call::Clock), ("open", Call::Open)] {
        check(&format!("cpu.system_call {name}"), samples, &mut |units| Ok(caller.run(call, units * 64)?))?;
    }
    let lock = Lock::default();
    check("cpu.wakeup lock", samples, &mut |units| {
        lock.count_up(units * 256);
        Ok(())
    })?;

    let (ends, others) = Ends::pair()?;
    // It inherits the CPU, and ends with its pipe.
    let echo = std::thread::spawn(move || others.answer(u32::MAX));
    let mut token = 0u32;
    check("cpu.context_switch hop", samples, &mut |units| {
        let trips = u32::try_from(units * 16)?;
        ends.serve(token, trips, false)?;
        token = token.wrapping_add(2 * trips);
        Ok(())
    })?;
    drop(ends);
    // The end of its pipe is an error to it, and ours to cause.
    let _ = echo.join();
    if let [_, other, ..] = cpus {
        handoff(samples, *other)?;
    }

    check("memory.page_fault", samples, &mut |units| {
        let mut buffer = Buffer::map(usize::try_from(units * 64 * 4_096)?, Pages::Small, u64::MAX)?;
        touch(&mut buffer, 4_096);
        Ok(())
    })?;
    check("memory.allocate pair", samples, &mut |units| Ok(heap::pairs(64, units * 1_024)?))?;
    let mut batch = heap::Batch::new(1_000, 1);
    check("memory.allocate batch", samples, &mut |units| {
        for _ in 0..units {
            batch.take(64)?;
            batch.give();
        }
        Ok(())
    })
}

/// The hand-over, with a partner on another CPU that answers as long as it is asked.
fn handoff(samples: usize, other: usize) -> Any<()> {
    let ball = Ball::default();
    std::thread::scope(|scope| {
        // It gives up by itself a moment after the last call.
        scope.spawn(|| pin::pin_current(other).map(|()| ball.answer(Method::Store, 0, u64::MAX / 4)));
        check("cpu.handoff", samples, &mut |units| Ok(ball.serve(Method::Store, ball.count(), units * 64)?))
    })
}

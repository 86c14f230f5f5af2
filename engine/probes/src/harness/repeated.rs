//! Loops of calls that are shorter than what a loop itself may cost.

/// Calls in a turn of the loop: where in a line of code a single call would happen to lie could change its time by half.
const CALLS: u64 = 8;

/// Makes so many calls.
#[inline(always)]
pub(crate) fn repeated(count: u64, mut call: impl FnMut()) {
    for _ in 0..count / CALLS {
        call();
        call();
        call();
        call();
        call();
        call();
        call();
        call();
    }
    for _ in 0..count % CALLS {
        call();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_calls_are_made_as_are_asked_for() {
        for count in [0, 1, CALLS - 1, CALLS, CALLS + 1, 1_000] {
            let mut made = 0;
            repeated(count, || made += 1);
            assert_eq!(made, count);
        }
    }
}

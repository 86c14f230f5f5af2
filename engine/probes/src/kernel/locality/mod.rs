//! Pairs of programs that do the same work with poor and with good locality: the order of a traversal, the layout of
//! records, blocks of a matrix product, partitions of a hash join. Both sides give a result that must be the same.
//!
//! They are written as ordinary Rust, since what is asked is what locality is worth to ordinary programs: that good
//! locality also lets the compiler use vectors is part of it.

mod join;
mod product;
mod records;
mod traversal;

pub use join::Join;
pub use product::Product;
pub use records::Records;
pub use traversal::Traversal;

/// A piece of work with a poor variant and one or more good ones.
pub trait Pair {
    /// Block sizes of the good variants, in bytes; one that means nothing where it has no blocks.
    fn blocks(&self) -> Vec<usize>;
    /// Bytes of the data that is gone through.
    fn bytes(&self) -> usize;
    /// Elements handled: what times are divided by.
    fn elements(&self) -> u64;
    /// The poor variant; gives the result as a checksum.
    fn plain(&mut self) -> u64;
    /// The good variant of the given block; gives the result as a checksum.
    fn better(&mut self, block: usize) -> u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    type Make = fn(usize, u64) -> Box<dyn Pair>;

    #[test]
    fn both_sides_give_the_same_result_and_not_that_of_other_data() {
        for bytes in [512, 4 << 10, 100_000, 1 << 20] {
            let make: [Make; 4] = [
                |bytes, seed| Box::new(Traversal::new(bytes, seed)),
                |bytes, seed| Box::new(Records::new(bytes, seed)),
                |bytes, seed| Box::new(Product::new(bytes, seed)),
                |bytes, seed| Box::new(Join::new(bytes, seed)),
            ];
            for (which, make) in make.iter().enumerate() {
                let mut pair = make(bytes, 7);
                let expected = pair.plain();
                assert!(pair.elements() > 0 && !pair.blocks().is_empty(), "{which}");
                assert!(
                    pair.bytes() <= 2 * bytes.max(4 << 10) && pair.bytes() >= bytes / 3,
                    "{which}: {}",
                    pair.bytes()
                );
                for block in pair.blocks() {
                    assert_eq!(pair.better(block), expected, "pair {which}, {bytes} bytes, block {block}");
                }
                assert_eq!(pair.plain(), expected, "again");
                assert_ne!(make(bytes, 8).plain(), expected, "pair {which} must depend on its data");
            }
        }
    }
}

//! The SDR classifier: from a representation to the likelihood of each class, learned online.
//!
//! One weight for each bit and class; the likelihoods are the softmax of the summed weights of the bits that are on, and
//! learning moves these weights by the error. (Numenta, *Biological and Machine Intelligence*, SDR classifier; multinomial
//! logistic regression by stochastic gradient descent.)

use std::io::{Read, Write};

use crate::saved::{self, Kind, LoadError, Reader, Writer};
use crate::sdr::{Sdr, SdrError};

const KIND: Kind = Kind { letters: *b"CLAS", name: "classifier" };

/// A classifier.
#[derive(Debug, Clone, PartialEq)]
pub struct Classifier {
    size: u32,
    classes: u32,
    rate: f32,
    /// The weights of bit `b` are `weights[b * classes..]`.
    weights: Vec<f32>,
    likelihoods: Vec<f32>,
}

/// Why a classifier or a step of it is impossible.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClassifierError {
    /// There is no such class.
    #[error("class {class} is none of the {classes}")]
    Class {
        /// The class.
        class: u32,
        /// How many there are.
        classes: u32,
    },
    /// The learning rate is no positive number.
    #[error("a learning rate of {0} cannot learn")]
    Rate(f32),
    /// There are no bits or classes, or too many.
    #[error("{size} bits and {classes} classes make no classifier")]
    Dimensions {
        /// Bits.
        size: u32,
        /// Classes.
        classes: u32,
    },
    /// The representation has another size.
    #[error(transparent)]
    Sdr(#[from] SdrError),
}

impl Classifier {
    /// A classifier of representations of `size` bits into `classes` classes; `rate` is the learning rate (0.001 to 0.1 are
    /// usual).
    ///
    /// # Errors
    /// No bits or classes, more than 2^31 weights, or a rate that is not positive and finite.
    pub fn new(size: u32, classes: u32, rate: f32) -> Result<Self, ClassifierError> {
        let weights = u64::from(size) * u64::from(classes);
        if !(1..=1 << 31).contains(&weights) {
            return Err(ClassifierError::Dimensions { size, classes });
        }
        if !(rate.is_finite() && rate > 0.0) {
            return Err(ClassifierError::Rate(rate));
        }
        let likelihoods = vec![1.0 / classes as f32; classes as usize];
        Ok(Self { size, classes, rate, weights: vec![0.0; weights as usize], likelihoods })
    }

    /// The likelihood of each class; they add up to 1.
    ///
    /// # Errors
    /// A representation of another size.
    pub fn infer(&mut self, pattern: &Sdr) -> Result<&[f32], ClassifierError> {
        pattern.expect_size(self.size)?;
        self.likelihoods.fill(0.0);
        for &bit in pattern.on() {
            let first = bit as usize * self.classes as usize;
            for (sum, weight) in self.likelihoods.iter_mut().zip(&self.weights[first..]) {
                *sum += weight;
            }
        }
        // Against the largest, so that nothing overflows.
        let most = self.likelihoods.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        self.likelihoods.iter_mut().for_each(|value| *value = (*value - most).exp());
        let sum: f32 = self.likelihoods.iter().sum();
        self.likelihoods.iter_mut().for_each(|value| *value /= sum);
        Ok(&self.likelihoods)
    }

    /// The most likely class; of equal ones the first.
    ///
    /// # Errors
    /// As [`Classifier::infer`].
    pub fn classify(&mut self, pattern: &Sdr) -> Result<u32, ClassifierError> {
        let likelihoods = self.infer(pattern)?;
        let best = (0..).zip(likelihoods).fold(
            (0, f32::MIN),
            |best, (class, &likely)| {
                if likely > best.1 { (class, likely) } else { best }
            },
        );
        Ok(best.0)
    }

    /// Learns that a representation is of a class.
    ///
    /// # Errors
    /// A representation of another size, or a class that there is not; nothing has changed then.
    pub fn learn(&mut self, pattern: &Sdr, class: u32) -> Result<(), ClassifierError> {
        if class >= self.classes {
            return Err(ClassifierError::Class { class, classes: self.classes });
        }
        self.infer(pattern)?;
        for (at, likely) in (0..).zip(&mut self.likelihoods) {
            let target = if at == class { 1.0 } else { 0.0 };
            *likely = self.rate * (target - *likely);
        }
        for &bit in pattern.on() {
            let first = bit as usize * self.classes as usize;
            for (weight, change) in self.weights[first..].iter_mut().zip(&self.likelihoods) {
                *weight += change;
            }
        }
        Ok(())
    }

    /// Writes the classifier.
    ///
    /// # Errors
    /// Those of the destination.
    pub fn save(&self, to: &mut dyn Write) -> std::io::Result<()> {
        let mut content = Writer::default();
        content.u32(self.size);
        content.u32(self.classes);
        content.f32(self.rate);
        content.f32s(&self.weights);
        saved::write(KIND, &content.0, to)
    }

    /// Reads a classifier that was saved.
    ///
    /// # Errors
    /// A file that is no saved classifier, is cut short or damaged.
    pub fn load(from: &mut dyn Read) -> Result<Self, LoadError> {
        let content = saved::read(KIND, from)?;
        let mut reader = Reader::new(&content);
        let (size, classes, rate) = (reader.u32()?, reader.u32()?, reader.f32()?);
        // Read before anything is made of the sizes that the file claims.
        let weights = reader.f32s(None)?;
        reader.end()?;
        let right = u64::from(size) * u64::from(classes) == weights.len() as u64;
        if !right || !weights.iter().all(|weight| weight.is_finite()) {
            return Err(LoadError::Content("its weights are not those of its sizes"));
        }
        let mut classifier =
            Self::new(size, classes, rate).map_err(|_| LoadError::Content("its sizes are impossible"))?;
        classifier.weights = weights;
        Ok(classifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Four classes of patterns, each around one of its own, with a third of the bits replaced.
    fn noisy(random: &mut Random, class: u32) -> Sdr {
        let base = Random::new(u64::from(class)).sample(500, 30);
        let on = base.into_iter().map(|bit| if random.below(3) == 0 { random.below(500) } else { bit }).collect();
        Sdr::new(500, on).expect("inside")
    }

    #[test]
    fn noisy_patterns_are_told_apart() {
        let mut classifier = Classifier::new(500, 4, 0.05).expect("possible");
        let mut random = Random::new(77);
        for _ in 0..400 {
            let class = random.below(4);
            let pattern = noisy(&mut random, class);
            classifier.learn(&pattern, class).expect("as wide");
        }
        let right = (0..200).filter(|at| {
            let pattern = noisy(&mut random, at % 4);
            classifier.classify(&pattern) == Ok(at % 4)
        });
        assert_eq!(right.count(), 200);
    }

    #[test]
    fn one_step_is_the_closed_form() {
        let mut classifier = Classifier::new(4, 2, 0.5).expect("possible");
        let pattern = Sdr::new(4, vec![1, 3]).expect("inside");
        assert_eq!(classifier.infer(&pattern).expect("as wide"), [0.5, 0.5]);
        classifier.learn(&pattern, 1).expect("a class");
        // Both weights moved by 0.5 * 0.5, so the sums are -0.5 and 0.5.
        let likely = classifier.infer(&pattern).expect("as wide")[1];
        assert!((likely - 1.0 / (1.0 + (-1.0_f32).exp())).abs() < 1e-6, "{likely}");
    }

    #[test]
    fn what_was_saved_is_loaded_and_damage_is_seen() {
        let mut classifier = Classifier::new(50, 3, 0.1).expect("possible");
        let pattern = Sdr::new(50, vec![2, 8, 40]).expect("inside");
        classifier.learn(&pattern, 2).expect("a class");
        let mut file = Vec::new();
        classifier.save(&mut file).expect("a vector takes everything");
        let mut again = Classifier::load(&mut file.as_slice()).expect("whole");
        assert_eq!(again.infer(&pattern), classifier.infer(&pattern));
        for at in 0..file.len() {
            assert!(Classifier::load(&mut &file[..at]).is_err());
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert!(Classifier::load(&mut damaged.as_slice()).is_err(), "byte {at}");
        }
    }

    #[test]
    fn impossible_classes_rates_and_sizes_are_errors() {
        let mut classifier = Classifier::new(4, 2, 0.5).expect("possible");
        let pattern = Sdr::empty(4);
        assert_eq!(classifier.learn(&pattern, 2), Err(ClassifierError::Class { class: 2, classes: 2 }));
        assert!(classifier.infer(&Sdr::empty(5)).is_err());
        assert!(Classifier::new(4, 0, 0.1).is_err() && Classifier::new(4, 2, f32::NAN).is_err());
        assert!(Classifier::new(u32::MAX, u32::MAX, 0.1).is_err());
    }
}

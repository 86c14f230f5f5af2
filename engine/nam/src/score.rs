//! What outputs are worth: softmax, accuracy, and the area under the ROC curve.

/// Makes logits into probabilities that sum to one. Large logits do not overflow.
pub fn softmax(logits: &mut [f32]) {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for logit in &mut *logits {
        *logit = (*logit - most).exp();
        sum += *logit;
    }
    logits.iter_mut().for_each(|logit| *logit /= sum);
}

/// The place of the largest value; the first of equals, 0 for none.
#[must_use]
pub fn largest(values: &[f32]) -> usize {
    let mut best = 0;
    for (at, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = at;
        }
    }
    best
}

/// The share of rows whose largest output is that of their label, 0..1.
#[must_use]
pub fn accuracy(outputs: &[f32], labels: &[usize]) -> f64 {
    let width = outputs.len().checked_div(labels.len()).unwrap_or(1).max(1);
    let right = outputs.chunks_exact(width).zip(labels).filter(|(row, label)| largest(row) == **label).count();
    right as f64 / labels.len().max(1) as f64
}

/// The area under the ROC curve: the share of pairs of a positive and a negative in which the positive has the larger
/// score, ties counted half (the statistic of Mann and Whitney). `None` when one of the two is missing.
#[must_use]
pub fn auc(scores: &[f32], positive: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len().min(positive.len())).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut ranks, mut positives, mut at) = (0.0, 0_usize, 0);
    while at < order.len() {
        let end = at + order[at..].iter().take_while(|row| scores[**row] == scores[order[at]]).count().max(1);
        // Ranks count from one; equal scores share the mean of theirs.
        let rank = (at + 1 + end) as f64 / 2.0;
        let here = order[at..end].iter().filter(|row| positive[**row]).count();
        ranks += rank * here as f64;
        positives += here;
        at = end;
    }
    let negatives = order.len() - positives;
    let p = positives as f64;
    (positives > 0 && negatives > 0).then(|| (ranks - p * (p + 1.0) / 2.0) / (p * negatives as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_whatever_the_size() {
        let mut logits = [1000.0, 1001.0, 1000.0];
        softmax(&mut logits);
        assert!((logits.iter().sum::<f32>() - 1.0).abs() < 1e-6 && largest(&logits) == 1);
        assert!((logits[1] / logits[0] - std::f32::consts::E).abs() < 1e-4);
    }

    #[test]
    fn areas_and_shares_of_known_scores() {
        let positive = [false, false, true, true];
        assert_eq!(auc(&[0.1, 0.4, 0.35, 0.8], &positive), Some(0.75));
        assert_eq!(auc(&[0.5; 4], &positive), Some(0.5));
        assert_eq!(auc(&[4.0, 3.0, 2.0, 1.0], &positive), Some(0.0));
        assert_eq!(auc(&[1.0, 2.0], &[true, true]), None);
        assert_eq!(auc(&[], &[]), None);
        assert!((accuracy(&[1.0, 2.0, 3.0, 0.0, 0.0, 1.0], &[1, 0, 0]) - 2.0 / 3.0).abs() < 1e-12);
    }
}

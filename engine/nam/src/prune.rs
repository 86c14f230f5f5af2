//! Magnitude pruning: the smallest weights of each layer become zero (Han et al., 2015), without training after it.

use crate::network::Network;

/// A copy of the network in which this share (0..1) of each layer's weights is zero: those of the smallest magnitude. Biases
/// stay. Prepare it as [`crate::Precision::Sparse`] to be rid of the zeros.
///
/// A share of 0 or less changes nothing, 1 or more leaves no weight; NaN counts as 0.
#[must_use]
pub fn prune(network: &Network, share: f64) -> Network {
    let mut pruned = network.clone();
    for at in 0..network.layers().len() {
        let (k, n) = network.layers()[at].weights();
        let start = network.range(at).start;
        let weights = &mut pruned.parameters_mut()[start..start + k * n];
        let gone = ((share.clamp(0.0, 1.0) * weights.len() as f64).round() as usize).min(weights.len());
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by(|a, b| weights[*a].abs().total_cmp(&weights[*b].abs()).then(a.cmp(b)));
        order[..gone].iter().for_each(|at| weights[*at] = 0.0);
    }
    pruned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_go_and_the_rest_stay() {
        let mut network = Network::dense(&[2, 2, 1], 0).unwrap();
        network.parameters_mut().copy_from_slice(&[0.1, -4.0, 3.0, -0.2, 0.01, 0.02, 5.0, -0.5, 0.0]);
        let half = prune(&network, 0.5);
        assert_eq!(half.parameters(), &[0.0, -4.0, 3.0, 0.0, 0.01, 0.02, 5.0, 0.0, 0.0]);
        assert_eq!(prune(&network, f64::NAN).parameters(), network.parameters());
        assert!(prune(&network, 1.0).of_layer(0).0.iter().all(|weight| *weight == 0.0));
    }
}

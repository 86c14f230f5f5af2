//! Where in an image a class was seen: class activation maps (Zhou et al., 2016) and Grad-CAM (Selvaraju et al., 2017).
//!
//! CAM: `M(y, x) = sum_k w_k A_k(y, x)`, with `w_k` the weight of channel `k` for the class in a dense layer behind global
//! average pooling. Grad-CAM: the weights are the mean derivatives of the class's output with respect to each channel, and
//! what is negative counts as zero; it needs no particular layers behind the convolution. Where CAM applies, the mean
//! derivative is `w_k / Z` for `Z` places, so Grad-CAM is CAM over `Z` without its negative part.

use crate::gradient::Backward;
use crate::map::{ActivationMap, ShapeError};
use crate::network::{Layer, Network};

/// Why there is no class activation map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CamError {
    /// The layer is no convolution.
    #[error("layer {0} is not a convolution")]
    NoImage(usize),
    /// CAM needs the mean of the channels and one dense layer behind the convolution.
    #[error(
        "a class activation map needs a convolution, then the mean of its channels, then one dense layer; use Grad-CAM"
    )]
    NoMean,
    /// No such class.
    #[error("the class {class} is out of range, the network has {classes} outputs")]
    Class {
        /// Asked for.
        class: usize,
        /// There are.
        classes: usize,
    },
    /// No such row.
    #[error("the row {row} is out of range, the map has {rows}")]
    Row {
        /// Asked for.
        row: usize,
        /// There are.
        rows: usize,
    },
    /// The map or the input does not fit the network.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

/// A heat map over an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Heat {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Heat of each place, row behind row.
    pub values: Vec<f32>,
}

/// The class activation map of a captured row, by the last three layers of the network.
///
/// # Errors
/// When the last layers are not convolution, mean and dense, or class or row is out of range.
pub fn cam(network: &Network, map: &ActivationMap, row: usize, class: usize) -> Result<Heat, CamError> {
    let layers = network.layers();
    let conv = layers.len().checked_sub(3).ok_or(CamError::NoMean)?;
    let (Layer::Mean { .. }, Layer::Dense { outputs, .. }) = (layers[conv + 1], layers[conv + 2]) else {
        return Err(CamError::NoMean);
    };
    bounds(network, map, row, class)?;
    let (weights, _) = network.of_layer(conv + 2);
    let of_class: Vec<f32> = weights.iter().skip(class).step_by(outputs).copied().collect();
    weighted(layers[conv], conv, map.row(conv, row), &of_class)
}

/// The Grad-CAM of one image for a class, at the outputs of convolution `layer`. `map` must hold that one image.
///
/// # Errors
/// When the layer is no convolution, the class is out of range, or the shapes do not fit.
pub fn grad_cam(
    network: &Network,
    image: &[f32],
    map: &ActivationMap,
    layer: usize,
    class: usize,
    backward: &mut Backward,
) -> Result<Heat, CamError> {
    bounds(network, map, 0, class)?;
    let Some(conv @ Layer::Conv { height, width, filters, .. }) = network.layers().get(layer).copied() else {
        return Err(CamError::NoImage(layer));
    };
    let mut slope = vec![0.0; network.outputs()];
    slope[class] = 1.0;
    let mut gradient = vec![0.0; network.parameters().len()];
    let slopes = if layer + 1 == network.layers().len() {
        &slope
    } else {
        backward.run(network, image, map, &slope, &mut gradient, Some(layer + 1))?
    };
    let mut weights = vec![0.0; filters];
    for place in slopes.chunks_exact(filters) {
        for (sum, slope) in weights.iter_mut().zip(place) {
            *sum += slope / (height * width) as f32;
        }
    }
    let mut heat = weighted(conv, layer, map.row(layer, 0), &weights)?;
    heat.values.iter_mut().for_each(|value| *value = value.max(0.0));
    Ok(heat)
}

fn bounds(network: &Network, map: &ActivationMap, row: usize, class: usize) -> Result<(), CamError> {
    if class >= network.outputs() {
        return Err(CamError::Class { class, classes: network.outputs() });
    }
    if row >= map.rows() {
        return Err(CamError::Row { row, rows: map.rows() });
    }
    let (expected, found) = (network.layers().len(), map.layers());
    if expected == found {
        Ok(())
    } else {
        Err(ShapeError { what: "layers of the activation map", expected, found }.into())
    }
}

/// The weighted sum of the channels at each place.
fn weighted(layer: Layer, at: usize, values: &[f32], weights: &[f32]) -> Result<Heat, CamError> {
    let Layer::Conv { height, width, filters, .. } = layer else { return Err(CamError::NoImage(at)) };
    let sum = |place: &[f32]| place.iter().zip(weights).map(|(value, weight)| value * weight).sum();
    Ok(Heat { height, width, values: values.chunks_exact(filters).map(sum).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Activation;
    use crate::prepared::Prepared;
    use crate::random::Random;

    fn network() -> Network {
        let conv = |channels, filters| Layer::Conv {
            height: 8,
            width: 8,
            channels,
            filters,
            kernel: 3,
            activation: Activation::Relu,
        };
        let mean = Layer::Mean { height: 8, width: 8, channels: 12 };
        let dense = Layer::Dense { inputs: 12, outputs: 4, activation: Activation::Identity };
        Network::new(vec![conv(1, 8), conv(8, 12), mean, dense], 2).unwrap()
    }

    #[test]
    fn the_two_maps_agree_where_both_apply_and_the_mean_heat_is_the_output() {
        let network = network();
        let mut random = Random::new(3);
        let image: Vec<f32> = (0..64).map(|_| random.unit()).collect();
        let mut map = ActivationMap::new(&network, 1);
        Prepared::floats(&network).capture(&image, &mut map).unwrap();
        let mut backward = Backward::default();
        for class in 0..4 {
            let cam = cam(&network, &map, 0, class).unwrap();
            let gradient = grad_cam(&network, &image, &map, 1, class, &mut backward).unwrap();
            assert_eq!((cam.height, cam.width, cam.values.len()), (8, 8, 64));
            for (cam, gradient) in cam.values.iter().zip(&gradient.values) {
                assert!((cam.max(0.0) / 64.0 - gradient).abs() < 1e-6, "{cam} {gradient}");
            }
            // The dense layer sees the mean over all places, so the mean heat is the class's output without bias.
            let mean = cam.values.iter().sum::<f32>() / 64.0;
            assert!((mean - map.output()[class]).abs() < 1e-5);
        }
        let first = grad_cam(&network, &image, &map, 0, 1, &mut backward).unwrap();
        assert!(first.values.iter().all(|value| *value >= 0.0));
    }

    #[test]
    fn what_has_no_map_is_named() {
        let dense = Network::dense(&[4, 3, 2], 0).unwrap();
        let map = ActivationMap::new(&dense, 1);
        assert_eq!(cam(&dense, &map, 0, 0), Err(CamError::NoMean));
        let network = network();
        let mut map = ActivationMap::new(&network, 2);
        assert_eq!(cam(&network, &map, 0, 4), Err(CamError::Class { class: 4, classes: 4 }));
        assert_eq!(cam(&network, &map, 0, 0), Err(CamError::Row { row: 0, rows: 0 }));
        Prepared::floats(&network).capture(&[0.5; 64], &mut map).unwrap();
        let mut backward = Backward::default();
        assert_eq!(grad_cam(&network, &[0.5; 64], &map, 2, 0, &mut backward), Err(CamError::NoImage(2)));
        assert_eq!(grad_cam(&network, &[0.5; 64], &map, 9, 0, &mut backward), Err(CamError::NoImage(9)));
        assert!(matches!(grad_cam(&network, &[0.5; 63], &map, 1, 0, &mut backward), Err(CamError::Shape(_))));
    }
}

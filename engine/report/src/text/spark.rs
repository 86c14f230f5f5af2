//! A curve on one line.

use super::style::Style;
use crate::curve::Curve;

/// Most columns that a line of bars takes.
const WIDEST: usize = 48;

/// One bar a point; where there are more points than room, the highest of each bundle.
pub(super) fn spark(curve: &Curve<'_>, style: Style) -> String {
    let bars: &[char] = if style.is_unicode() {
        &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
    } else {
        &['_', '.', '-', '=', '*', '#']
    };
    let heights = curve.heights();
    let bundle = heights.len().div_ceil(WIDEST).max(1);
    let top = bars.len() - 1;
    heights
        .chunks(bundle)
        .map(|chunk| {
            let height = chunk.iter().copied().fold(0.0, f64::max);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=1 times a small number")]
            #[expect(clippy::cast_precision_loss, reason = "less than ten bars")]
            let index = (height * top as f64).round() as usize;
            bars[index.min(top)]
        })
        .collect()
}

//! What a page needs beside its own text: style, scripts, and the chart library. The dashboard serves the same files.

/// Colours, tables, marks and charts: what reports and the dashboard share.
pub const BASE_CSS: &str = include_str!("../../assets/base.css");
/// What only reports need.
pub const REPORT_CSS: &str = include_str!("../../assets/report.css");
/// Draws charts from their data: an ES module.
pub const CHART_JS: &str = include_str!("../../assets/chart.js");
/// The script of a full report.
pub const REPORT_JS: &str = include_str!("../../assets/report.js");
/// The icon of pages.
pub const ICON_SVG: &str = include_str!("../../assets/icon.svg");

/// Plotly.js, the bundle for cartesian charts, as gzip (MIT licence, see [`PLOTLY_LICENSE`]).
pub const PLOTLY_GZ: &[u8] = include_bytes!("../../assets/plotly-cartesian-4.1.1.min.js.gz");
/// Its version.
pub const PLOTLY_VERSION: &str = "4.1.1";
/// SHA-256 of [`PLOTLY_GZ`].
pub const PLOTLY_GZ_SHA256: &str = "e92ae5a55295f9080ee8394ba9fd0be33eacd936dcf12d5cdac77e39f77118d9";
/// SHA-256 of what is in it: `plotly-cartesian.min.js` of the npm package `plotly.js-cartesian-dist-min`.
pub const PLOTLY_SHA256: &str = "79542150855a52c567260e3137095dbe2b744e6d702a5cabe67da246942fba7a";
/// Its licence.
pub const PLOTLY_LICENSE: &str = include_str!("../../assets/plotly-LICENSE");

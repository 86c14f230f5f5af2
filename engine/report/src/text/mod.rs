//! Text for the terminal. No line is wider than the style allows, and nothing but the style's own colours reaches the
//! terminal as a control sequence.

mod accuracy;
mod advice;
mod alerts;
mod comparison;
mod diagnostics;
mod executive;
mod expectations;
mod explanation;
mod interference;
mod fault;
mod list;
mod load;
mod machine;
mod result_line;
mod results;
mod sensitivity;
mod spark;
mod style;
mod summary;
mod table;
mod timeline;
mod trend;
mod wrap;

pub use accuracy::{AccuracyRow, accuracy};
pub use advice::advice;
pub use alerts::{alert, alerts};
pub use comparison::comparison;
pub use explanation::explanation;
pub use list::{baselines, runs};
pub use load::window;
pub use result_line::{result_line, result_text};
pub use sensitivity::{SensitivityCells, SensitivityRow, sensitivity};
pub use style::Style;
pub use summary::{health, summary};
pub use timeline::timeline;
pub use trend::trend;

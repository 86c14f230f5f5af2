//! Text for the terminal. No line is wider than the style allows, and nothing but the style's own colours reaches the
//! terminal as a control sequence.

mod comparison;
mod diagnostics;
mod expectations;
mod list;
mod load;
mod machine;
mod result_line;
mod results;
mod spark;
mod style;
mod summary;
mod table;
mod trend;
mod wrap;

pub use comparison::comparison;
pub use list::{baselines, runs};
pub use load::window;
pub use result_line::result_line;
pub use style::Style;
pub use summary::{health, summary};
pub use trend::trend;

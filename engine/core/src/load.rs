//! What scripts say about a load, as plain data that the session and the engine's children understand.

pub use crate::demo_target::{DemoTarget, DemoTargetError, ServiceTime, Stall, TextError, Warmup};

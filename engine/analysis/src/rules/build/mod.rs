//! Rules about builds.

pub(super) mod check_first;
pub(super) mod codegen_units;
pub(super) mod debug_info;
pub(super) mod debug_program;
pub(super) mod hot_dependency;
pub(super) mod incremental;
pub(super) mod linker;
pub(super) mod lto;
pub(super) mod memory_target;
pub(super) mod opt_level;
pub(super) mod parallelism;

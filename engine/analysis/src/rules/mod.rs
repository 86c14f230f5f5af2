//! The rules: one file each under its family. `docs/rules.md` is made from them.

mod architecture;
mod build;
mod cpu;
mod ffi;
mod htm;
mod measurement;
mod memory;
mod nam;
mod network;
mod prelude;
mod service;
mod storage;
#[cfg(test)]
mod tests;
mod tool;

use crate::advice::{Assess, Rule};

/// Every built-in rule, by family and name.
static RULES: &[&Rule] = &[
    &cpu::branch_misses::RULE,
    &cpu::clock_drop::RULE,
    &cpu::declared_clock::RULE,
    &cpu::false_sharing::RULE,
    &cpu::governor::RULE,
    &cpu::kernel_share::RULE,
    &cpu::pinning::RULE,
    &cpu::scaling_limit::RULE,
    &cpu::smt::RULE,
    &cpu::threads::RULE,
    &cpu::threads_fight::RULE,
    &cpu::too_many_threads::RULE,
    &cpu::top_down::RULE,
    &cpu::vectorisation::RULE,
    &memory::allocator::RULE,
    &memory::bandwidth_bound::RULE,
    &memory::bandwidth_limit::RULE,
    &memory::beyond_caches::RULE,
    &memory::bus_share::RULE,
    &memory::fault_share::RULE,
    &memory::huge_pages::RULE,
    &memory::leak::RULE,
    &memory::locality::RULE,
    &memory::missing_channel::RULE,
    &memory::numa::RULE,
    &memory::page_faults::RULE,
    &memory::pressure::RULE,
    &memory::streaming_stores::RULE,
    &memory::vcache::RULE,
    &memory::working_set::RULE,
    &storage::engine_options::RULE,
    &storage::fsync_pattern::RULE,
    &storage::fsync_share::RULE,
    &storage::mount_options::RULE,
    &storage::program_waits::RULE,
    &storage::queue_depth::RULE,
    &storage::scheduler::RULE,
    &storage::small_blocks::RULE,
    &storage::space::RULE,
    &storage::tail::RULE,
    &storage::waiting::RULE,
    &storage::write_cache::RULE,
    &network::connection_reuse::RULE,
    &network::keep_alive::RULE,
    &network::nagle::RULE,
    &network::name_lookup::RULE,
    &network::ports::RULE,
    &network::tls_resumption::RULE,
    &network::transfer::RULE,
    &network::unix_sockets::RULE,
    &build::check_first::RULE,
    &build::codegen_units::RULE,
    &build::debug_info::RULE,
    &build::debug_program::RULE,
    &build::hot_dependency::RULE,
    &build::incremental::RULE,
    &build::linker::RULE,
    &build::lto::RULE,
    &build::memory_target::RULE,
    &build::opt_level::RULE,
    &build::parallelism::RULE,
    &ffi::attach_once::RULE,
    &ffi::batching::RULE,
    &ffi::binding::RULE,
    &ffi::call_share::RULE,
    &ffi::lend_buffers::RULE,
    &ffi::lock::RULE,
    &ffi::text::RULE,
    &ffi::views::RULE,
    &htm::durability::RULE,
    &htm::inhibition::RULE,
    &htm::search_threshold::RULE,
    &nam::batch::RULE,
    &nam::capture::RULE,
    &nam::peak::RULE,
    &nam::precision::RULE,
    &nam::sparsity::RULE,
    &tool::fork::RULE,
    &tool::persistent::RULE,
    &tool::schema::RULE,
    &tool::serial_server::RULE,
    &tool::shell::RULE,
    &service::contention::RULE,
    &service::head_of_line::RULE,
    &service::knee::RULE,
    &service::past_the_peak::RULE,
    &service::pauses::RULE,
    &service::queueing::RULE,
    &service::saturation::RULE,
    &service::tail::RULE,
    &service::too_many_workers::RULE,
    &service::variation::RULE,
    &service::wasted_work::RULE,
    &service::workers::RULE,
    &architecture::asynchronous_wait::RULE,
    &architecture::cache::RULE,
    &architecture::hot_function::RULE,
    &architecture::n_plus_one::RULE,
    &architecture::split::RULE,
    &architecture::wait_in_lock::RULE,
    &architecture::waiting_program::RULE,
    &measurement::battery::RULE,
    &measurement::busy_before::RULE,
    &measurement::clock_source::RULE,
    &measurement::debug_build::RULE,
    &measurement::disturbed::RULE,
    &measurement::generator::RULE,
    &measurement::little::RULE,
    &measurement::quota::RULE,
    &measurement::spread::RULE,
    &measurement::steal::RULE,
];

/// Every built-in rule.
#[must_use]
pub fn rules() -> Vec<&'static dyn Assess> {
    RULES.iter().map(|rule| *rule as &dyn Assess).collect()
}

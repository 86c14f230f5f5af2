//! `gpu.devices`: which graphics and compute devices Vulkan offers, and what they allow.
//!
//! Method: all adapters of all drivers are listed, none is opened. Every figure is what the driver declares, with the
//! device's name as a label; nothing is measured.
//!
//! What would make the number wrong: a driver that declares what it cannot do (the other probes of this area find
//! out); a device that no Vulkan driver serves is not in the list. Software devices are counted apart.

use engine_core::args::Args;
use engine_core::metric::MetricDef;
use engine_core::probe::{OwnNoise, ProbeInfo, RoundProcess};
use engine_core::series::Labels;
use engine_core::unit::Unit;
use wgpu::Features;

use super::adapter::{self, Found};
use crate::{Context, Probe, ProbeError};

const DEVICES: MetricDef = MetricDef::fact("devices", Unit::Count, "real devices");
const SOFTWARE: MetricDef = MetricDef::fact("software_devices", Unit::Count, "programs on the processor");
const MEMORY: MetricDef = MetricDef::fact("memory", Unit::Bytes, "largest heap of the device's own memory");
const BUFFER: MetricDef = MetricDef::fact("buffer_limit", Unit::Bytes, "largest buffer");
const BINDING: MetricDef = MetricDef::fact("binding_limit", Unit::Bytes, "most of a buffer that a kernel sees at once");
const LOCAL: MetricDef = MetricDef::fact("local_memory", Unit::Bytes, "memory that a workgroup shares");
const THREADS: MetricDef = MetricDef::fact("workgroup_threads", Unit::Count, "most threads of a workgroup");
const GROUPS: MetricDef = MetricDef::fact("workgroups", Unit::Count, "most workgroups in one dimension of a dispatch");
const NARROW: MetricDef = MetricDef::fact("subgroup_least", Unit::Count, "fewest threads that run in step");
const WIDE: MetricDef = MetricDef::fact("subgroup_most", Unit::Count, "most threads that run in step");
const STAMPS: MetricDef = MetricDef::fact("timestamps", Unit::Count, "1 when passes can have timestamps");
const HALF: MetricDef = MetricDef::fact("f16", Unit::Count, "1 when kernels can have numbers of 16 bits");
const DOUBLE: MetricDef = MetricDef::fact("f64", Unit::Count, "1 when kernels can have numbers of 64 bits");

/// The probe.
pub static PROBE: Probe = Probe {
    info: &ProbeInfo {
        id: "gpu.devices",
        summary: "Graphics and compute devices that Vulkan offers, with their limits.",
        method: 1,
        about: "Lists the adapters of all Vulkan drivers with what they declare: name, driver, kind and vendor as a \
                note, limits and features as figures labelled with the device. Nothing is measured. The number is \
                wrong when a driver declares what it cannot do; software devices are counted apart.",
        params: &[],
        metrics: &[
            DEVICES, SOFTWARE, MEMORY, BUFFER, BINDING, LOCAL, THREADS, GROUPS, NARROW, WIDE, STAMPS, HALF, DOUBLE,
        ],
        round_seconds: 0.2,
        process: RoundProcess::Child,
        noise: OwnNoise::Quiet,
    },
    run,
};

fn run(_: &Args, cx: &mut Context<'_>) -> Result<(), ProbeError> {
    let found = adapter::all()?;
    let software = found.iter().filter(|one| adapter::is_software(&one.info)).count();
    cx.record(&DEVICES, (found.len() - software) as f64);
    cx.record(&SOFTWARE, software as f64);
    for (number, one) in found.iter().enumerate() {
        describe(number, one, cx);
    }
    Ok(())
}

/// Records what one device declares.
fn describe(number: usize, Found { adapter, info, memory }: &Found, cx: &mut Context<'_>) {
    let software = adapter::is_software(info);
    let word = if software { "software" } else { "real" };
    cx.note(format!(
        "device {number}: `{}`, {word}, {}, vendor {}, driver {} {}",
        info.name,
        kind(info.device_type),
        vendor(info.vendor),
        info.driver,
        info.driver_info
    ));
    let labels = Labels::new().with("device", info.name.as_str()).with("software", software.to_string());
    let (limits, features) = (adapter.limits(), adapter.features());
    let has = |feature: Features| f64::from(u8::from(features.contains(feature)));
    let mut put = |metric: &MetricDef, value: f64| cx.record_at(metric, labels.clone(), value);
    if let Some(memory) = memory {
        put(&MEMORY, *memory as f64);
    }
    put(&BUFFER, limits.max_buffer_size as f64);
    put(&BINDING, limits.max_storage_buffer_binding_size as f64);
    put(&LOCAL, f64::from(limits.max_compute_workgroup_storage_size));
    put(&THREADS, f64::from(limits.max_compute_invocations_per_workgroup));
    put(&GROUPS, f64::from(limits.max_compute_workgroups_per_dimension));
    put(&NARROW, f64::from(info.subgroup_min_size));
    put(&WIDE, f64::from(info.subgroup_max_size));
    put(&STAMPS, has(Features::TIMESTAMP_QUERY));
    put(&HALF, has(Features::SHADER_F16));
    put(&DOUBLE, has(Features::SHADER_F64));
}

const fn kind(kind: wgpu::DeviceType) -> &'static str {
    match kind {
        wgpu::DeviceType::DiscreteGpu => "a card with its own memory",
        wgpu::DeviceType::IntegratedGpu => "in the processor, sharing its memory",
        wgpu::DeviceType::VirtualGpu => "of a virtual machine",
        wgpu::DeviceType::Cpu => "the processor itself",
        wgpu::DeviceType::Other => "of unknown kind",
    }
}

/// The name behind a PCI vendor's number, where it is a usual one.
fn vendor(number: u32) -> String {
    match number {
        0x1002 => "AMD".to_owned(),
        0x10de => "NVIDIA".to_owned(),
        0x8086 => "Intel".to_owned(),
        0x13b5 => "Arm".to_owned(),
        0x5143 => "Qualcomm".to_owned(),
        0x1_0005 => "Mesa".to_owned(),
        other => format!("{other:#06x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_have_names_or_numbers() {
        assert_eq!([vendor(0x1002), vendor(0x10005), vendor(0x1234)], ["AMD", "Mesa", "0x1234"]);
    }
}

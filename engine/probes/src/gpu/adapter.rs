//! Finding the devices that Vulkan offers, and choosing one.

#![expect(unsafe_code, reason = "the loader and the heaps are asked through C interfaces")]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{Thread, current, park};

use engine_core::probe::{ParamDef, ParamKind};
use engine_core::step::{Skip, SkipKind};
use wgpu::{AdapterInfo, Backends, DeviceType, Instance, InstanceDescriptor, InstanceFlags};

/// Which device; all probes of this area take it.
pub(super) const ADAPTER: ParamDef = ParamDef {
    name: "adapter",
    kind: ParamKind::Text,
    default: Some("auto"),
    tiny: None,
    doc: "part of the device's name, or its number; `auto` is the first real device, else a software one",
};

/// What to do where there is no device.
const REMEDY: &str = "install a Vulkan driver for the device; Debian: `apt install libvulkan1 mesa-vulkan-drivers`, \
                      which brings a software device too";

/// A device that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) adapter: wgpu::Adapter,
    pub(super) info: AdapterInfo,
    /// Bytes of its largest heap of device memory, where the driver tells.
    pub(super) memory: Option<u64>,
}

/// All devices, in the driver's order.
///
/// # Errors
/// A skip where there is no loader or no device.
pub(super) fn all() -> Result<Vec<Found>, Skip> {
    if !has_loader() {
        return Err(Skip::new(SkipKind::Platform, "there is no Vulkan loader (`libvulkan.so.1`)", REMEDY));
    }
    let instance = Instance::new(InstanceDescriptor {
        backends: Backends::VULKAN,
        flags: InstanceFlags::empty(),
        ..InstanceDescriptor::new_without_display_handle()
    });
    let adapters = block_on(instance.enumerate_adapters(Backends::VULKAN));
    if adapters.is_empty() {
        return Err(Skip::new(SkipKind::Hardware, "no driver offers a device to Vulkan", REMEDY));
    }
    let found = |adapter: wgpu::Adapter| Found { info: adapter.get_info(), memory: memory(&adapter), adapter };
    Ok(adapters.into_iter().map(found).collect())
}

/// The device that `wanted` names.
///
/// # Errors
/// A skip that lists the devices, where none is meant.
pub(super) fn choose(mut found: Vec<Found>, wanted: &str) -> Result<Found, Skip> {
    let faces: Vec<(&str, bool, u8)> =
        found.iter().map(|one| (one.info.name.as_str(), is_software(&one.info), rank(one.info.device_type))).collect();
    let at = pick(&faces, wanted).ok_or_else(|| {
        let names: Vec<String> =
            faces.iter().enumerate().map(|(number, face)| format!("{number} `{}`", face.0)).collect();
        let reason = format!("no device is called `{wanted}`");
        Skip::new(SkipKind::Hardware, reason, format!("choose one of: {}", names.join(", ")))
    })?;
    Ok(found.swap_remove(at))
}

/// Place of the device that is meant, among names, whether they are software, and ranks.
fn pick(faces: &[(&str, bool, u8)], wanted: &str) -> Option<usize> {
    if wanted == "auto" {
        return (0..faces.len()).min_by_key(|&at| (faces[at].1, faces[at].2));
    }
    let lower = wanted.to_lowercase();
    let number = wanted.parse().ok().filter(|&at| at < faces.len());
    number.or_else(|| faces.iter().position(|face| face.0.to_lowercase().contains(&lower)))
}

/// Cards before what shares the processor's memory.
const fn rank(kind: DeviceType) -> u8 {
    match kind {
        DeviceType::DiscreteGpu => 0,
        DeviceType::VirtualGpu => 1,
        DeviceType::IntegratedGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    }
}

/// Whether the device is a program on the processor.
pub(super) fn is_software(info: &AdapterInfo) -> bool {
    let names = [&info.name, &info.driver].map(|name| name.to_lowercase());
    let known = ["llvmpipe", "lavapipe", "swiftshader", "softpipe"];
    info.device_type == DeviceType::Cpu || names.iter().any(|name| known.iter().any(|word| name.contains(word)))
}

/// Whether the Vulkan loader can be opened.
fn has_loader() -> bool {
    // SAFETY: the name ends with a zero byte; the library's start-up code is what every user of Vulkan runs.
    let handle = unsafe { libc::dlopen(c"libvulkan.so.1".as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL) };
    if handle.is_null() {
        return false;
    }
    // SAFETY: the handle came from `dlopen` and is not used again.
    unsafe { libc::dlclose(handle) };
    true
}

/// Bytes of the largest heap that the driver calls the device's own.
fn memory(adapter: &wgpu::Adapter) -> Option<u64> {
    const DEVICE_LOCAL: u32 = 1;
    // SAFETY: the handle is only asked while the adapter lives; nothing is destroyed through it.
    let hal = unsafe { adapter.as_hal::<wgpu::hal::api::Vulkan>() }?;
    let instance = hal.shared_instance().raw_instance();
    // SAFETY: the physical device belongs to this instance, which the adapter keeps alive.
    let properties = unsafe { instance.get_physical_device_memory_properties(hal.raw_physical_device()) };
    let heaps = properties.memory_heaps.iter().take(properties.memory_heap_count as usize);
    heaps.filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0).map(|heap| heap.size).max()
}

/// Waits for a future on this thread. Those of the native library are ready at once.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_devices_come_before_software_and_cards_before_shared_memory() {
        let faces = [("llvmpipe (LLVM 15)", true, 4), ("Intel UHD", false, 2), ("Radeon RX 7900 XT", false, 0)];
        assert_eq!(pick(&faces, "auto"), Some(2));
        assert_eq!(pick(&faces[..2], "auto"), Some(1));
        assert_eq!(pick(&faces[..1], "auto"), Some(0));
        assert_eq!(pick(&faces, "radeon"), Some(2));
        assert_eq!(pick(&faces, "1"), Some(1));
        assert_eq!(pick(&faces, "7900"), Some(2), "a number that is none of theirs is part of a name");
        assert_eq!(pick(&faces, "GeForce"), None);
        assert_eq!(pick(&[], "auto"), None);
    }

    #[test]
    fn futures_that_wait_are_woken() {
        let (send, receive) = std::sync::mpsc::channel::<Waker>();
        let waker = std::thread::spawn(move || receive.recv().unwrap().wake());
        let mut polls = 0;
        block_on(std::future::poll_fn(|context| {
            polls += 1;
            if polls == 1 {
                send.send(context.waker().clone()).unwrap();
                return Poll::Pending;
            }
            Poll::Ready(())
        }));
        waker.join().unwrap();
        assert_eq!(polls, 2);
    }
}

//! Machine profiles: which machine one is for, and whether this is it.

use super::{ChosenProfile, Figure};
use crate::environment::{Environment, Gpu};
use crate::fact::Fact;
use crate::unit::Unit;

/// What a machine should reach, and which machine that is.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineProfile {
    /// Its name: that of its file.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// Which machine it is for.
    pub requires: Requirements,
    /// What that machine should reach.
    pub figures: Vec<Figure>,
}

/// Which machine a profile is for. The processor is what it is recognised by; memory, GPU and storage say for which of
/// them the figures about them hold. Texts are globs with `*`, compared without regard to case.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Requirements {
    /// Model name of the processor.
    pub cpu: Option<String>,
    /// Cores, over all packages.
    pub cores: Option<u32>,
    /// Hardware threads.
    pub threads: Option<u32>,
    /// All last-level caches together, in bytes.
    pub l3: Option<f64>,
    /// Main memory.
    pub memory: MemoryMatch,
    /// The graphics device.
    pub gpu: GpuMatch,
    /// The disk of the test files.
    pub storage: StorageMatch,
}

/// Which main memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MemoryMatch {
    /// Size in bytes; the kernel and the firmware may keep an eighth.
    pub size: Option<f64>,
    /// Speed in million transfers a second.
    pub speed: Option<u32>,
    /// Channels.
    pub channels: Option<u32>,
}

/// Which graphics device; any one of the machine's will do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GpuMatch {
    /// Any of these names.
    pub name: Vec<String>,
    /// Memory of its own, in bytes.
    pub memory: Option<f64>,
}

/// Which disk.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StorageMatch {
    /// Model name.
    pub model: Option<String>,
    /// Size in bytes.
    pub size: Option<f64>,
}

/// A part of a machine, by which figures are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Processor and caches.
    Cpu,
    /// Main memory.
    Memory,
    /// Graphics device.
    Gpu,
    /// Disk.
    Storage,
}

impl Part {
    /// The part that a probe of this area measures.
    #[must_use]
    pub fn of_area(area: &str) -> Self {
        match area {
            "memory" => Self::Memory,
            "gpu" => Self::Gpu,
            "storage" => Self::Storage,
            _ => Self::Cpu,
        }
    }

    /// The word for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "processor",
            Self::Memory => "memory",
            Self::Gpu => "GPU",
            Self::Storage => "storage",
        }
    }
}

/// How a machine compares with a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fit {
    /// Requirements that hold.
    pub agreed: usize,
    /// What is unlike, with a sentence.
    pub differs: Vec<(Part, String)>,
    /// What could not be read.
    pub unread: Vec<(Part, String)>,
}

impl Fit {
    /// Whether the processor is the profile's: nothing of it is unlike, and its model is known.
    #[must_use]
    pub fn is_recognised(&self) -> bool {
        let of_cpu = |list: &[(Part, String)]| list.iter().any(|(part, _)| *part == Part::Cpu);
        self.agreed > 0 && !of_cpu(&self.differs) && !of_cpu(&self.unread)
    }

    fn check<T>(&mut self, part: Part, what: &str, fact: &Fact<T>, fits: impl Fn(&T) -> bool, show: (String, String)) {
        let (found, wanted) = show;
        match fact {
            Fact::Known(value) if fits(value) => self.agreed += 1,
            Fact::Known(_) => self.differs.push((part, format!("{what} is {found}, the profile is for {wanted}"))),
            Fact::Unknown(reason) => self.unread.push((part, format!("{what} is not known: {reason}"))),
        }
    }
}

impl MachineProfile {
    /// Compares a machine with what the profile is for.
    #[must_use]
    pub fn fit(&self, environment: &Environment) -> Fit {
        let mut fit = Fit::default();
        let (requires, cpu) = (&self.requires, &environment.cpu);
        if let Some(pattern) = &requires.cpu {
            let show = (cpu.model.to_string(), format!("`{pattern}`"));
            fit.check(Part::Cpu, "the processor", &cpu.model, |model| glob(pattern, model), show);
        }
        for (what, wanted, fact) in [
            ("the number of cores", requires.cores, &cpu.physical_cores),
            ("the number of threads", requires.threads, &cpu.logical_cpus),
        ] {
            if let Some(wanted) = wanted {
                fit.check(Part::Cpu, what, fact, |found| *found == wanted, (fact.to_string(), wanted.to_string()));
            }
        }
        if let Some(wanted) = requires.l3 {
            #[expect(clippy::cast_precision_loss, reason = "caches have far fewer than 2^53 bytes")]
            let total = cpu.l3_groups.clone().map(|groups| groups.iter().map(|group| group.size_bytes as f64).sum());
            sized(&mut fit, Part::Cpu, "the last-level cache", &total, wanted, 0.01);
        }
        memory(&mut fit, &requires.memory, environment);
        if !requires.gpu.name.is_empty() || requires.gpu.memory.is_some() {
            gpu(&mut fit, &requires.gpu, &environment.gpus);
        }
        let disk = &environment.storage.scratch;
        if let Some(pattern) = &requires.storage.model {
            let show = (disk.model.to_string(), format!("`{pattern}`"));
            fit.check(Part::Storage, "the disk", &disk.model, |model| glob(pattern, model), show);
        }
        if let Some(wanted) = requires.storage.size {
            #[expect(clippy::cast_precision_loss, reason = "compared within a tenth")]
            let size = disk.size_bytes.clone().map(|bytes| bytes as f64);
            sized(&mut fit, Part::Storage, "the size of the disk", &size, wanted, 0.1);
        }
        fit
    }

    /// The profile as it holds for this machine. Figures about a part that is another one are left out, unless the
    /// user `named` the profile: then all hold, and the remarks say what is unlike.
    #[must_use]
    pub fn chosen(&self, environment: &Environment, named: bool) -> ChosenProfile {
        let fit = self.fit(environment);
        let other = |figure: &&Figure| {
            let part = Part::of_area(figure.subject.area());
            !named && fit.differs.iter().any(|(differs, _)| *differs == part)
        };
        let figures: Vec<Figure> = self.figures.iter().filter(|figure| !other(figure)).cloned().collect();
        let about = |part: &Part| self.figures.iter().any(|figure| Part::of_area(figure.subject.area()) == *part);
        let mut remarks = Vec::new();
        for (part, text) in &fit.differs {
            if named {
                remarks.push(text.clone());
            } else if about(part) {
                remarks.push(format!("figures about the {} are left out: {text}", part.name()));
            }
        }
        for (part, text) in fit.unread.iter().filter(|(part, _)| about(part)) {
            remarks.push(format!("figures about the {} are taken as they are: {text}", part.name()));
        }
        ChosenProfile { name: self.name.clone(), named, figures, remarks }
    }
}

fn memory(fit: &mut Fit, wanted: &MemoryMatch, environment: &Environment) {
    let found = &environment.memory;
    if let Some(size) = wanted.size {
        #[expect(clippy::cast_precision_loss, reason = "compared within an eighth")]
        let total = found.total_bytes.clone().map(|bytes| bytes as f64);
        // Decimal and binary gigabytes are both written `GB` on the box.
        sized(fit, Part::Memory, "the memory", &total, size, 0.125);
    }
    if let Some(speed) = wanted.speed {
        let slowest = found.dimms.clone().and_then(|dimms| {
            let slowest = dimms.iter().map(|dimm| dimm.speed_mts).min().flatten();
            Fact::or_unknown(slowest, "the firmware does not tell it")
        });
        let show = (format!("{slowest} MT/s"), format!("{speed} MT/s"));
        // 5999 or 6000: vendors round.
        fit.check(Part::Memory, "the memory's speed", &slowest, |found| found.abs_diff(speed) <= 2, show);
    }
    if let Some(channels) = wanted.channels {
        let show = (found.channels.to_string(), channels.to_string());
        fit.check(Part::Memory, "the number of memory channels", &found.channels, |found| *found == channels, show);
    }
}

fn gpu(fit: &mut Fit, wanted: &GpuMatch, found: &Fact<Vec<Gpu>>) {
    let fits = |gpu: &Gpu| {
        let named = wanted.name.is_empty() || wanted.name.iter().any(|pattern| glob(pattern, &gpu.name));
        #[expect(clippy::cast_precision_loss, reason = "compared within a twentieth")]
        let memory = match (wanted.memory, gpu.memory_bytes) {
            (Some(wanted), Some(bytes)) => (bytes as f64 / wanted - 1.0).abs() <= 0.05,
            _ => true,
        };
        named && memory
    };
    let names = match found {
        Fact::Known(gpus) if gpus.is_empty() => "none".to_owned(),
        Fact::Known(gpus) => gpus.iter().map(|gpu| gpu.name.as_str()).collect::<Vec<_>>().join(", "),
        Fact::Unknown(_) => String::new(),
    };
    let mut text = format!("`{}`", wanted.name.join("` or `"));
    if let Some(memory) = wanted.memory {
        text = format!("{text} with {}", Unit::Bytes.format(memory));
    }
    fit.check(Part::Gpu, "the GPU", found, |gpus| gpus.iter().any(fits), (names, text));
}

/// A size within a share of the wanted one.
fn sized(fit: &mut Fit, part: Part, what: &str, found: &Fact<f64>, wanted: f64, within: f64) {
    let shown = found.copied().map_or_else(String::new, |bytes| Unit::Bytes.format(bytes));
    let show = (shown, Unit::Bytes.format(wanted));
    fit.check(part, what, found, |found| (found / wanted - 1.0).abs() <= within, show);
}

/// Whether a text fits a pattern in which `*` stands for anything, without regard to case.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

use super::*;
use engine_core::expected::FigureKind;

#[test]
fn every_built_in_profile_is_about_probes_that_exist() {
    let registry = engine_probes::registry::registry();
    for (name, text) in MACHINES {
        let profile = parse(name, text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!profile.description.is_empty() && !profile.figures.is_empty(), "{name}");
        assert!(profile.requires.cpu.is_some(), "{name}: it is recognised by its processor");
        for figure in &profile.figures {
            let subject = &figure.subject;
            let probe = registry.iter().find(|probe| probe.info.id == subject.probe);
            let probe = probe.unwrap_or_else(|| panic!("{name}: no probe `{}`", subject.probe));
            let metric = probe.info.metrics.iter().find(|metric| metric.id == subject.metric);
            let metric = metric.unwrap_or_else(|| panic!("{name}: {subject}: no such metric"));
            assert_eq!(metric.unit.dimension(), figure.value.dimension, "{name}: {subject}");
            // The device is a label, by which a run says what it measured.
            for (option, value) in subject.labels.0.iter().filter(|(name, _)| *name != "device") {
                let param = probe.info.params.iter().find(|param| param.name == option);
                let param = param.unwrap_or_else(|| panic!("{name}: {subject}: no option `{option}`"));
                let given = engine_core::args::ArgValue::Text(value.clone());
                assert!(param.check(&given).is_ok(), "{name}: {subject}: `{option}` cannot be `{value}`");
            }
        }
    }
}

#[test]
fn the_bus_of_the_first_profile_is_its_arithmetic() {
    let (name, text) = MACHINES[0];
    let profile = parse(name, text).unwrap();
    let bus = profile.figures.iter().find(|figure| figure.subject.to_string() == "memory.stream.rate").unwrap();
    assert_eq!((bus.value.value, bus.kind), (2.0 * 6000e6 * 8.0, FigureKind::Ceiling));
    let requires = &profile.requires;
    assert_eq!((requires.cores, requires.threads, requires.l3), (Some(8), Some(16), Some(96.0 * 1024.0 * 1024.0)));
    assert_eq!((requires.memory.speed, requires.memory.channels), (Some(6000), Some(2)));
}

#[test]
fn what_is_wrong_with_a_profile_is_said() {
    let figure = |line: &str| {
        let all = ["series = \"memory.stream.rate\"", "value = \"1 GB/s\"", "kind = \"ceiling\"", "source = \"x\""];
        let key = line.split(' ').next().unwrap();
        let lines: Vec<&str> = all.into_iter().filter(|other| !other.starts_with(key)).chain([line]).collect();
        format!("[[expected]]\n{}\n", lines.join("\n"))
    };
    for (text, wanted) in [
        ("[match]\ncpus = 3\n".to_owned(), "unknown field `cpus`"),
        ("[match]\nl3 = \"96\"\n".to_owned(), "`match.l3` must be a size"),
        ("[match]\nmemory = { size = \"3 s\" }\n".to_owned(), "`match.memory.size` must be a size"),
        (figure("series = \"rate\""), "names no series of a probe"),
        (figure("value = \"9\""), "`value` needs a unit"),
        (figure("value = \"-9 GB/s\""), "`value` must be above zero"),
        (figure("value = \"9 furlong\""), "unknown unit `furlong`"),
        (figure("kind = \"most\""), "unknown variant `most`"),
        (figure("source = \" \""), "`source` must say where the figure comes from"),
        ("[[expected]]\nseries = \"a.b.c\"\n".to_owned(), "missing field"),
        ("[match\n".to_owned(), "TOML parse error"),
    ] {
        let error = parse("x", &text).unwrap_err();
        assert!(error.contains(wanted), "{text}: {error}");
    }
    assert!(parse("x", &figure("kind = \"typical\"")).is_ok());
}

/// The recorded desktop of the first profile, unpacked: its `/sys` and `/proc`, its modules as the firmware lists them,
/// and its graphics devices.
fn desktop(speed: u16) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let records = [
        include_str!("../../../probes/tests/data/hosts/7800x3d.txt"),
        include_str!("../../../probes/tests/data/hosts/7800x3d-parts.txt"),
    ];
    for line in records.iter().flat_map(|record| record.lines()).filter(|line| !line.starts_with('#')) {
        let (path, content) = line.split_once(": ").unwrap();
        let content = content.replace("\\n", "\n").replace("\\t", "\t");
        for path in expanded(path) {
            write(folder.path(), &path, content.as_bytes());
        }
    }
    let mut table = module(speed, b"DIMM 1\0P0 CHANNEL A\0\0");
    table.extend(module(speed, b"DIMM 1\0P0 CHANNEL B\0\0"));
    table.extend([127, 4, 0, 0, 0, 0]);
    write(folder.path(), "sys/firmware/dmi/tables/DMI", &table);
    folder
}

fn write(root: &Path, path: &str, content: &[u8]) {
    let place = root.join(path);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(place, content).unwrap();
}

/// A path with each number that it stands for: `{0-2,8}`.
fn expanded(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let (numbers, after) = rest.split_once('}').unwrap();
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        first.parse::<u32>().unwrap()..=last.parse().unwrap()
    };
    numbers.split(',').flat_map(range).map(|number| format!("{before}{number}{after}")).collect()
}

/// A module of 16 GiB of DDR5 (SMBIOS type 17) that runs at so many million transfers a second.
fn module(speed: u16, strings: &[u8]) -> Vec<u8> {
    let mut body = vec![0_u8; 0x28];
    (body[0], body[1], body[0x10], body[0x11], body[0x12]) = (17, 0x28, 1, 2, 0x22);
    body[0x08..0x0c].copy_from_slice(&[64, 0, 64, 0]);
    body[0x0c..0x0e].copy_from_slice(&16384_u16.to_le_bytes());
    body[0x15..0x17].copy_from_slice(&4800_u16.to_le_bytes());
    body[0x20..0x22].copy_from_slice(&speed.to_le_bytes());
    body.extend_from_slice(strings);
    body
}

fn environment(speed: u16) -> Environment {
    let folder = desktop(speed);
    let scratch = Some(PathBuf::from("/var/scratch"));
    let options = engine_probes::host::Options { scratch, ..engine_probes::host::Options::default() };
    engine_probes::host::collect(folder.path(), &options)
}

#[test]
fn the_recorded_desktop_is_recognised_in_every_part() {
    let (name, text) = MACHINES[0];
    let profile = parse(name, text).unwrap();
    let fit = profile.fit(&environment(6000));
    assert!(fit.is_recognised(), "{fit:?}");
    assert_eq!((fit.differs.len(), fit.unread.len(), fit.agreed), (0, 0, 9), "{fit:?}");
    let chosen = profile.chosen(&environment(6000), false);
    assert_eq!((chosen.figures.len(), chosen.remarks.len()), (profile.figures.len(), 0), "{:?}", chosen.remarks);
    // The same machine with its memory at the speed of the standard: what is about the memory does not hold.
    let slower = profile.chosen(&environment(4800), false);
    assert!(slower.figures.iter().all(|figure| figure.subject.area() != "memory"));
    assert_eq!(
        slower.remarks,
        ["figures about the memory are left out: the memory's speed is 4800 MT/s, the profile is for 6000 MT/s"]
    );
    // What it declares of itself gives the bus then.
    let declared = engine_core::expected::declared(&environment(4800));
    assert!(declared.iter().any(|figure| figure.value.value == 76.8e9 && figure.kind == FigureKind::Ceiling));
}

#[test]
fn a_machine_that_does_not_tell_its_memory_is_recognised_with_a_remark() {
    let (name, text) = MACHINES[0];
    let mut environment = environment(6000);
    environment.memory.dimms = engine_core::fact::Fact::unknown("only root may read it");
    environment.memory.channels = engine_core::fact::Fact::unknown("only root may read it");
    let chosen = parse(name, text).unwrap().chosen(&environment, false);
    assert!(chosen.figures.iter().any(|figure| figure.subject.area() == "memory"));
    assert_eq!(chosen.remarks.len(), 2);
    assert!(chosen.remarks[0].contains("taken as they are: the memory's speed is not known: only root"));
}

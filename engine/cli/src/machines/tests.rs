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
            // Probes of one area come and go together: an area that this build lacks says nothing about the figure.
            let Some(probe) = registry.iter().find(|probe| probe.info.id == subject.probe) else {
                let area = format!("{}.", subject.area());
                let others: Vec<&str> =
                    registry.iter().map(|probe| probe.info.id).filter(|id| id.starts_with(&area)).collect();
                let coming = subject.probe == "memory.read";
                assert!(others.is_empty() || coming, "{name}: no probe `{}`, but {others:?}", subject.probe);
                continue;
            };
            let metric = probe.info.metrics.iter().find(|metric| metric.id == subject.metric);
            let metric = metric.unwrap_or_else(|| panic!("{name}: {subject}: no such metric"));
            assert_eq!(metric.unit.dimension(), figure.value.dimension, "{name}: {subject}");
            for (option, value) in &subject.labels.0 {
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

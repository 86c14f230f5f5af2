use super::compare::rules;
use super::*;
use proptest::prelude::*;

fn sample() -> Environment {
    let mut env = Environment::default();
    env.cpu.model = Fact::Known("AMD Ryzen 7 7800X3D".into());
    env.cpu.physical_cores = Fact::Known(8);
    env.cpu.governor = Fact::Known("performance".into());
    env.cpu.l3_groups = Fact::Known(vec![L3Group { cpus: "0-15".into(), size_bytes: 96 << 20 }]);
    env.os.kernel = Fact::Known("6.18.4".into());
    env.memory.total_bytes = Fact::Known(33_500_000_000);
    env.cgroup.memory_limit_bytes = Fact::Known(None);
    env.load.before.average_1 = Fact::Known(0.25);
    env
}

#[test]
fn there_are_at_least_45_leaves_and_each_is_unknown_at_first() {
    let fields = Environment::default().fields();
    assert!(fields.len() >= 45, "{} fields", fields.len());
    for (path, value) in &fields {
        assert_eq!(value, "unknown (not read)", "{path}");
    }
    let mut paths: Vec<_> = fields.iter().map(|(path, _)| path).collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), fields.len(), "two fields have one path");
}

#[test]
fn filling_a_record_neither_adds_nor_removes_a_field() {
    let paths = |env: &Environment| env.fields().into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    assert_eq!(paths(&sample()), paths(&Environment::default()));
}

#[test]
fn every_rule_names_an_existing_field() {
    let fields = Environment::default().fields();
    let (defining, volatile) = rules();
    for name in defining {
        assert!(fields.iter().any(|(field, _)| field == name), "{name}");
    }
    for rule in volatile {
        assert!(fields.iter().any(|(field, _)| field.starts_with(rule)), "{rule}");
    }
}

#[test]
fn values_read_well_in_the_flat_list() {
    let fields = sample().fields();
    let value = |path: &str| fields.iter().find(|(field, _)| field == path).map(|(_, value)| value.as_str());
    assert_eq!(value("cpu.physical_cores"), Some("8"));
    assert_eq!(value("cgroup.memory_limit_bytes"), Some("none"));
    assert_eq!(value("cpu.l3_groups"), Some("cpus=0-15 size_bytes=100663296"));
    assert_eq!(value("cpu.vendor"), Some("unknown (not read)"));
}

#[test]
fn the_record_survives_json_and_an_older_record_still_reads() {
    let env = sample();
    let json = serde_json::to_string(&env).unwrap();
    assert_eq!(serde_json::from_str::<Environment>(&json).unwrap(), env);
    let old: Environment = serde_json::from_str(r#"{"cpu":{"model":"Z80"}}"#).unwrap();
    assert_eq!(old.cpu.model.as_deref(), Some("Z80"));
    assert!(!old.os.kernel.is_known());
}

#[test]
fn differences_are_classed() {
    let class = |change: &dyn Fn(&mut Environment)| {
        let (a, mut b) = (sample(), sample());
        change(&mut b);
        let found = a.differences(&b);
        assert!(found.len() <= 1, "{found:?}");
        (found.first().map(|difference| difference.severity), a.class_id() == b.class_id())
    };
    assert_eq!(class(&|_| {}), (None, true));
    assert_eq!(class(&|env| env.cpu.model = Fact::Known("other".into())), (Some(Class::Unlike), false));
    assert_eq!(class(&|env| env.cpu.governor = Fact::Known("powersave".into())), (Some(Class::Unlike), false));
    assert_eq!(class(&|env| env.os.kernel = Fact::Known("7.0.1".into())), (Some(Class::Unlike), false));
    assert_eq!(class(&|env| env.os.kernel = Fact::Known("6.19.0".into())), (Some(Class::Note), true));
    assert_eq!(class(&|env| env.memory.total_bytes = Fact::Known(16 << 30)), (Some(Class::Unlike), false));
    assert_eq!(class(&|env| env.memory.total_bytes = Fact::Known(33_499_000_000)), (Some(Class::Note), true));
    let limited = |env: &mut Environment| env.cgroup.memory_limit_bytes = Fact::Known(Some(1 << 30));
    assert_eq!(class(&limited), (Some(Class::Unlike), false));
    assert_eq!(class(&|env| env.cpu.microcode = Fact::Known("0x1".into())), (Some(Class::Note), true));
    assert_eq!(class(&|env| env.load.before.average_1 = Fact::Known(9.0)), (None, true));
    assert_eq!(class(&|env| env.temperatures = Fact::Known(Vec::new())), (None, true));
    assert_eq!(class(&|env| env.cpu.vendor = Fact::unknown("another reason")), (None, true));
    assert_eq!(class(&|env| env.cpu.governor = Fact::unknown("no cpufreq")).0, Some(Class::Note));
}

#[test]
fn the_class_id_does_not_change_from_version_to_version() {
    assert_eq!(Environment::default().class_id(), "8b3be4bb24d4af0e");
}

proptest! {
    /// Equal class ids promise that nothing is unlike; and a record never differs from itself.
    #[test]
    fn equal_ids_mean_nothing_unlike(model in ".{0,3}", kernel in "[0-9.]{0,5}", memory in any::<Option<u64>>()) {
        let mut other = sample();
        other.cpu.model = Fact::Known(model);
        other.os.kernel = Fact::Known(kernel);
        other.memory.total_bytes = Fact::or_unknown(memory, "hidden");
        prop_assert!(other.differences(&other.clone()).is_empty());
        let unlike = sample().differences(&other).iter().any(|difference| difference.severity == Class::Unlike);
        prop_assert!(!(unlike && sample().class_id() == other.class_id()));
    }
}

use super::*;
use proptest::prelude::*;

#[test]
fn settings_are_read_as_people_write_them() {
    let service = |text: &str| text.parse::<ServiceTime>();
    assert_eq!(service("constant 2 ms"), Ok(ServiceTime::Constant { mean: 2e-3 }));
    assert_eq!(service(" exponential 5 ms "), Ok(ServiceTime::Exponential { mean: 5e-3 }));
    assert_eq!(service("log-normal 1 s"), Ok(ServiceTime::LogNormal { mean: 1.0, sigma: 0.5 }));
    assert_eq!(service("log-normal 1 s sigma 1.5"), Ok(ServiceTime::LogNormal { mean: 1.0, sigma: 1.5 }));
    assert_eq!(service("uniform 1 ms..9 ms"), Ok(ServiceTime::Uniform { from: 1e-3, to: 9.0 * 1e-3 }));
    assert_eq!("at 10 s for 2 s".parse(), Ok(Stall { at: 10.0, lasts: 2.0, every: None }));
    assert_eq!("at 1 min for 500 ms every 60 s".parse(), Ok(Stall { at: 60.0, lasts: 0.5, every: Some(60.0) }));
    assert_eq!("3x over 10 s".parse(), Ok(Warmup { factor: 3.0, seconds: 10.0 }));
    let message = service("gamma 5 ms").unwrap_err().to_string();
    assert!(message.starts_with("`gamma 5 ms`: no distribution `gamma`; expected `constant 2 ms`"), "{message}");
    assert!(service("constant 5 MB").unwrap_err().to_string().contains("`5 MB` is not a time"));
    assert!("at 1 s".parse::<Stall>().unwrap_err().to_string().contains("no `for`"));
}

#[test]
fn impossible_settings_are_named() {
    assert_eq!(DemoTarget::default().check(), Ok(()));
    let message = |change: fn(&mut DemoTarget)| {
        let mut target = DemoTarget::default();
        change(&mut target);
        target.check().unwrap_err().to_string()
    };
    assert_eq!(message(|t| t.errors = 1.5), "`errors` of the demo target must be a share from 0 to 1, got `1.5`");
    assert!(message(|t| t.workers = 0).contains("`workers`"));
    assert!(message(|t| t.service = ServiceTime::Constant { mean: f64::NAN }).contains("`service`"));
    assert!(message(|t| t.stalls = vec![Stall { at: 0.0, lasts: 2.0, every: Some(1.0) }]).contains("`stalls`"));
    assert!(message(|t| t.warmup = Some(Warmup { factor: 0.5, seconds: 1.0 })).contains("`warmup`"));
}

#[test]
fn a_warm_up_falls_in_a_straight_line() {
    let warmup = Warmup { factor: 3.0, seconds: 10.0 };
    let at = [-1.0, 0.0, 5.0, 10.0, 99.0].map(|seconds| warmup.factor_at(seconds));
    assert_eq!(at, [3.0, 3.0, 2.0, 1.0, 1.0]);
}

#[test]
fn service_times_have_their_mean_and_shape() {
    for service in [
        ServiceTime::Constant { mean: 2.0 },
        ServiceTime::Exponential { mean: 2.0 },
        ServiceTime::LogNormal { mean: 2.0, sigma: 0.5 },
        ServiceTime::Uniform { from: 1.0, to: 3.0 },
    ] {
        let target = DemoTarget { service, ..DemoTarget::default() };
        let drawn: Vec<f64> = (0..100_000).map(|n| target.service_of(n)).collect();
        let mean = drawn.iter().sum::<f64>() / 1e5;
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
        let want = match service {
            ServiceTime::Constant { .. } => 0.0,
            ServiceTime::Exponential { .. } => 4.0,
            ServiceTime::LogNormal { .. } => 4.0 * (0.25_f64.exp() - 1.0),
            ServiceTime::Uniform { .. } => 4.0 / 12.0,
        };
        // Four standard errors of the mean; the variance of the skewed ones has more.
        assert!((mean - 2.0).abs() <= 4.0 * (want / 1e5).sqrt() + 1e-12, "{service}: {mean}");
        assert!((variance - want).abs() <= 0.05 * want, "{service}: {variance}, want {want}");
    }
}

#[test]
fn the_share_of_errors_is_as_asked() {
    let target = DemoTarget { errors: 0.1, ..DemoTarget::default() };
    let failed = (0..100_000).filter(|n| target.fails(*n)).count();
    assert!((9_620..=10_380).contains(&failed), "{failed}, four standard errors around 10,000");
    assert!(!(0..1000).any(|n| DemoTarget::default().fails(n)));
}

proptest! {
    #[test]
    fn what_is_written_reads_back(a in 0.0..100.0_f64, b in 0.0..100.0_f64, sigma in 0.0..5.0_f64) {
        for service in [
            ServiceTime::Constant { mean: a },
            ServiceTime::Exponential { mean: a },
            ServiceTime::LogNormal { mean: a, sigma },
            ServiceTime::Uniform { from: a, to: a + b },
        ] {
            prop_assert_eq!(service.to_string().parse(), Ok(service));
        }
        let stall = Stall { at: a, lasts: b, every: (sigma > 1.0).then_some(a + b) };
        prop_assert_eq!(stall.to_string().parse(), Ok(stall));
        let warmup = Warmup { factor: 1.0 + sigma, seconds: b };
        prop_assert_eq!(warmup.to_string().parse(), Ok(warmup));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,30}") {
        let _ = (text.parse::<ServiceTime>(), text.parse::<Stall>(), text.parse::<Warmup>());
        let _ = format!("log-normal {text}").parse::<ServiceTime>();
    }
}

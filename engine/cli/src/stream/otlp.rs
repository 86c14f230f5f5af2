//! OTLP over HTTP in its JSON form (OpenTelemetry protocol 1.x): gauges, and cumulative sums.

use std::collections::BTreeMap;

use engine_core::run::RunHeader;
use engine_core::unit::Unit;
use serde_json::{Value, json};

use super::points::Point;

/// Who sends, and since when its sums count.
#[derive(Debug)]
pub(super) struct Resource {
    attributes: Value,
    started: String,
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// The resource of a run.
pub(super) fn resource(header: &RunHeader) -> Resource {
    let attributes = json!([
        attribute("service.name", "engine"),
        attribute("service.version", &header.engine),
        attribute("service.instance.id", &header.id.0),
        attribute("host.id", &header.machine),
    ]);
    Resource { attributes, started: (i128::from(header.started.0) * 1000).to_string() }
}

/// Units as UCUM writes them.
fn unit(unit: Unit) -> String {
    match unit {
        Unit::Seconds => "s".to_owned(),
        Unit::Bytes => "By".to_owned(),
        Unit::BytesPerSecond => "By/s".to_owned(),
        Unit::PerSecond | Unit::FlopsPerSecond => "1/s".to_owned(),
        Unit::Hertz => "Hz".to_owned(),
        Unit::Celsius => "Cel".to_owned(),
        Unit::Watts => "W".to_owned(),
        Unit::Count | Unit::Ratio => "1".to_owned(),
        Unit::Derived(_) => unit.to_string(),
    }
}

/// The body of an export request.
pub(super) fn request(resource: &Resource, points: &[Point]) -> String {
    let mut metrics: BTreeMap<(String, String, bool), Vec<Value>> = BTreeMap::new();
    for point in points {
        let attributes: Vec<Value> = point.labels.0.iter().map(|(key, value)| attribute(key, value)).collect();
        let mut data = json!({
            "attributes": attributes,
            "timeUnixNano": (i128::from(point.at) * 1_000_000).to_string(),
            "asDouble": point.value,
        });
        if point.grows {
            data["startTimeUnixNano"] = Value::String(resource.started.clone());
        }
        metrics.entry((format!("engine.{}", point.name), unit(point.unit), point.grows)).or_default().push(data);
    }
    let metrics: Vec<Value> = metrics
        .into_iter()
        .map(|((name, unit, grows), points)| {
            if grows {
                // 2 is cumulative.
                let sum = json!({ "dataPoints": points, "aggregationTemporality": 2, "isMonotonic": true });
                json!({ "name": name, "unit": unit, "sum": sum })
            } else {
                json!({ "name": name, "unit": unit, "gauge": { "dataPoints": points } })
            }
        })
        .collect();
    let scope = json!({ "name": "engine", "version": env!("CARGO_PKG_VERSION") });
    json!({
        "resourceMetrics": [{
            "resource": { "attributes": resource.attributes },
            "scopeMetrics": [{ "scope": scope, "metrics": metrics }],
        }]
    })
    .to_string()
}

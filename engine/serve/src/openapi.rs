//! The description of the API. It comes from the handlers and the shapes that they answer with; the results file, the
//! comparison and the trend have schemas of their own, which are put in here.

use serde_json::{Map, Value, json};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder, Schema,
};
use utoipa::{PartialSchema, ToSchema};

/// Documents that other crates describe: name here, and schema.
fn documents() -> [(&'static str, String); 3] {
    [
        ("Report", engine_report::json::schema()),
        ("Comparison", engine_report::json::comparison_schema()),
        ("Trend", engine_report::json::timelines_schema()),
    ]
}

macro_rules! document {
    ($name:ident, $schema:literal, $text:literal) => {
        #[doc = $text]
        #[derive(Debug)]
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::Ref(Ref::from_schema_name($schema))
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $schema.into()
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_unit()
            }
        }
    };
}

document!(ReportDocument, "Report", "The results file.");
document!(ComparisonDocument, "Comparison", "A comparison.");
document!(TrendDocument, "Trend", "Histories with what changed.");

/// An answer that is an error.
pub(crate) fn error(text: &str) -> Response {
    let schema = RefOr::<Schema>::Ref(Ref::from_schema_name("ErrorBody"));
    ResponseBuilder::new()
        .description(text)
        .content("application/json", ContentBuilder::new().schema(Some(schema)).build())
        .build()
}

/// The beginning of the description.
pub(crate) fn head() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Engine")
        .version("1")
        .description(Some(
            "Everything that the dashboard shows. Times are RFC 3339 in UTC, durations are in seconds, values in the base \
             unit beside them. Changes need the token that `engine serve` printed.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build()));
    OpenApiBuilder::new().info(info.build()).build()
}

/// The description as JSON, with the documents of other crates.
pub(crate) fn text(api: OpenApi) -> String {
    let mut document = serde_json::to_value(&api).unwrap_or_default();
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        for (name, schema) in documents() {
            let schema: Value = serde_json::from_str(&schema).unwrap_or_default();
            adopt(schemas, name, schema);
        }
        for (name, schema) in [
            ("ErrorBody", crate::error::ErrorBody::schema()),
            ("ErrorText", crate::error::ErrorText::schema()),
            ("TrendBaseline", crate::api::TrendBaseline::schema()),
            ("TrendRemark", crate::api::TrendRemark::schema()),
        ] {
            schemas.entry(name).or_insert_with(|| serde_json::to_value(schema).unwrap_or_default());
        }
        schemas.sort_keys();
    }
    secure(&mut document);
    share(&mut document);
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Puts a schema with its definitions among the others; references follow.
fn adopt(schemas: &mut Map<String, Value>, name: &str, mut schema: Value) {
    let definitions = schema.as_object_mut().and_then(|schema| {
        schema.remove("$schema");
        schema.remove("$defs")
    });
    let definitions = match definitions {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    };
    rename(&mut schema, name);
    schemas.insert(name.to_owned(), schema);
    for (inner, mut definition) in definitions {
        rename(&mut definition, name);
        if let Some(properties) = definition.get_mut("properties").filter(|_| inner == "TimelineText") {
            // What the server adds to each history.
            properties["baselines"] =
                json!({ "type": "array", "items": { "$ref": "#/components/schemas/TrendBaseline" } });
            properties["annotations"] =
                json!({ "type": "array", "items": { "$ref": "#/components/schemas/TrendRemark" } });
        }
        schemas.insert(format!("{name}{inner}"), definition);
    }
}

fn rename(value: &mut Value, name: &str) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(text) if key == "$ref" => {
                        if let Some(inner) = text.strip_prefix("#/$defs/") {
                            *text = format!("#/components/schemas/{name}{inner}");
                        }
                    }
                    other => rename(other, name),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, name)),
        _ => {}
    }
}

/// Errors that many addresses answer alike are said once.
fn share(document: &mut Value) {
    let mut shared = Map::new();
    for operation in document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut()) {
        for one in operation.as_object_mut().into_iter().flat_map(|operations| operations.values_mut()) {
            let responses = one["responses"].as_object_mut();
            for (status, response) in
                responses.into_iter().flatten().filter(|(status, _)| status.starts_with(['4', '5']))
            {
                let name = format!("Error{status}");
                if *shared.entry(&name).or_insert_with(|| response.clone()) == *response {
                    *response = json!({ "$ref": format!("#/components/responses/{name}") });
                }
            }
        }
    }
    document["components"]["responses"] = Value::Object(shared);
}

/// Says how requests show the token: all may, changes must.
fn secure(document: &mut Value) {
    document["components"]["securitySchemes"] = json!({
        "token": { "type": "http", "scheme": "bearer", "description": "What `engine serve` printed" },
    });
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for (path, item) in paths {
        let Some(item) = item.as_object_mut() else { continue };
        for (method, operation) in item {
            let open = path == "/api/v1/session";
            let needed = method != "get" && !open;
            operation["security"] = if needed { json!([{ "token": [] }]) } else { json!([{}, { "token": [] }]) };
        }
    }
}

//! Data from files: `data("f.csv")`, `tool::read`, `parse_json`.

use std::path::PathBuf;
use std::rc::Rc;

use engine_core::stats::Stream;
use rhai::{Array, Dynamic, Engine, FuncRegistration, Map, NativeCallContext, Position};

use super::Modules;
use crate::fault::{Fault, Raised};
use crate::host::Host;
use crate::sources::read_file;

/// Rows of a file: a handle that is cheap to pass on.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    name: String,
    rows: Rc<Vec<Map>>,
    order: Option<Rc<Vec<usize>>>,
    policy: &'static str,
}

impl Data {
    fn row(&self, index: i64) -> Option<&Map> {
        let index = usize::try_from(index).ok()?;
        let index = match &self.order {
            Some(order) => *order.get(index)?,
            None => index,
        };
        self.rows.get(index)
    }
}

pub(crate) fn register(engine: &mut Engine, modules: &mut Modules, host: &Rc<Host>) {
    engine.register_type_with_name::<Data>("Data");
    let h = Rc::clone(host);
    engine.register_fn("data", move |ctx: NativeCallContext<'_>, path: &str| data(&h, &ctx, path));
    for policy in ["per_user", "random", "once"] {
        engine.register_fn(policy, move |data: &mut Data| Data { policy, ..data.clone() });
    }
    let h = Rc::clone(host);
    engine.register_fn("shuffled", move |data: &mut Data| {
        let mut order: Vec<usize> = (0..data.rows.len()).collect();
        Stream::new(h.options.seed, &[Stream::key_of("data"), Stream::key_of(&data.name)]).shuffle(&mut order);
        Data { policy: "shuffled", order: Some(Rc::new(order)), ..data.clone() }
    });
    engine.register_fn("len", |data: &mut Data| i64::try_from(data.rows.len()).unwrap_or(i64::MAX));
    engine.register_get("len", |data: &mut Data| i64::try_from(data.rows.len()).unwrap_or(i64::MAX));
    engine.register_indexer_get(|data: &mut Data, index: i64| -> Raised<Map> {
        data.row(index).cloned().ok_or_else(|| {
            let message = format!("`{}` has {} rows and no row {index}", data.name, data.rows.len());
            Fault::runtime("no-row", message).boxed(Position::NONE)
        })
    });
    engine.register_fn("to_string", |data: &mut Data| {
        let policy = if data.policy.is_empty() { String::new() } else { format!(", {}", data.policy) };
        format!("{} rows of {}{policy}", data.rows.len(), data.name)
    });
    engine.register_iterator::<Data>();

    let module = modules.entry("tool".to_owned()).or_default();
    let h = Rc::clone(host);
    FuncRegistration::new("read")
        .with_volatility(true)
        .set_into_module(module, move |ctx: NativeCallContext<'_>, path: &str| read(&h, &ctx, path));
    // The language's own parser recurses without a bound: sixty nested lists in a file would end the process.
    engine.register_fn("parse_json", |ctx: NativeCallContext<'_>, text: &str| {
        parse_json(text).map_err(|fault| fault.raise(&ctx))
    });
}

impl IntoIterator for Data {
    type Item = Dynamic;
    type IntoIter = std::vec::IntoIter<Dynamic>;

    fn into_iter(self) -> Self::IntoIter {
        let rows: Vec<Dynamic> = (0..).map_while(|index| self.row(index).cloned()).map(Dynamic::from_map).collect();
        rows.into_iter()
    }
}

/// The file's path, with permission: relative ones start at the scenario's folder.
fn permitted(host: &Host, ctx: &NativeCallContext<'_>, path: &str) -> Raised<Option<PathBuf>> {
    let (granted, flag) = host.read_permission(path);
    host.permit(granted, &flag, &format!("may not read `{path}`"), host.at_argument(ctx, 0))?;
    Ok(granted.then(|| host.base.join(path)))
}

/// The bytes of a file; none while a plan is made without the permission.
fn bytes(host: &Host, ctx: &NativeCallContext<'_>, path: &str) -> Raised<Option<Vec<u8>>> {
    let Some(full) = permitted(host, ctx, path)? else { return Ok(None) };
    let limit = usize::try_from(host.options.limits.file).unwrap_or(usize::MAX);
    let fail = |message: String| Fault::runtime("unreadable", message).or_at(Some(host.at_argument(ctx, 0))).raise(ctx);
    let bytes = read_file(&full, limit).map_err(|error| fail(format!("cannot read `{}`: {error}", full.display())))?;
    if bytes.len() > limit {
        return Err(fail(format!("`{path}` has more than the {limit} bytes that a script may read")));
    }
    Ok(Some(bytes))
}

fn text(host: &Host, ctx: &NativeCallContext<'_>, path: &str) -> Raised<Option<String>> {
    let Some(bytes) = bytes(host, ctx, path)? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|_| {
        Fault::runtime("unreadable", format!("`{path}` is not UTF-8 text"))
            .or_at(Some(host.at_argument(ctx, 0)))
            .raise(ctx)
    })?;
    Ok(Some(text))
}

fn read(host: &Host, ctx: &NativeCallContext<'_>, path: &str) -> Raised<String> {
    Ok(text(host, ctx, path)?.unwrap_or_default())
}

fn data(host: &Host, ctx: &NativeCallContext<'_>, path: &str) -> Raised<Data> {
    let fail = |message: String| Fault::runtime("bad-data", message).or_at(Some(host.at_argument(ctx, 0))).raise(ctx);
    let rows = match text(host, ctx, path)? {
        None => Vec::new(),
        Some(text) if path.ends_with(".json") => {
            let value = parse_json(&text).map_err(|fault| fail(format!("`{path}`: {}", fault.message)))?;
            let items = value.into_array().map_err(|_| fail(format!("`{path}` must be a list of objects")))?;
            let rows: Option<Vec<Map>> = items.into_iter().map(Dynamic::try_cast::<Map>).collect();
            rows.ok_or_else(|| fail(format!("`{path}` must be a list of objects")))?
        }
        Some(text) if path.ends_with(".csv") => rows(&text).map_err(|error| fail(format!("`{path}`: {error}")))?,
        Some(_) => return Err(fail(format!("`{path}` must end in `.csv` or `.json`"))),
    };
    Ok(Data { name: path.to_owned(), rows: Rc::new(rows), order: None, policy: "" })
}

/// Rows of a CSV text with a header; all values are texts.
fn rows(text: &str) -> Result<Vec<Map>, csv::Error> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers()?.clone();
    let row = |record: csv::StringRecord| {
        header.iter().zip(record.iter()).map(|(k, v)| (k.into(), v.to_owned().into())).collect()
    };
    reader.records().map(|record| record.map(row)).collect()
}

/// Reads JSON; nesting is bounded by the parser at 128 levels.
fn parse_json(text: &str) -> Result<Dynamic, Fault> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| {
        let fault = Fault::runtime("bad-json", format!("not JSON: {error}"));
        if error.to_string().contains("recursion limit") {
            fault.help("it is nested deeper than 128 levels")
        } else {
            fault
        }
    })?;
    Ok(dynamic(value))
}

fn dynamic(value: serde_json::Value) -> Dynamic {
    use serde_json::Value;
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => flag.into(),
        Value::Number(n) => n.as_i64().map_or_else(|| n.as_f64().unwrap_or(f64::NAN).into(), Into::into),
        Value::String(text) => text.into(),
        Value::Array(items) => Dynamic::from_array(items.into_iter().map(dynamic).collect::<Array>()),
        Value::Object(map) => Dynamic::from_map(map.into_iter().map(|(k, v)| (k.into(), dynamic(v))).collect()),
    }
}

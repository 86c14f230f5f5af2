//! Data from files: `data("f.csv")`, `tool::read`, `parse_json`.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use rhai::{Dynamic, Engine, FuncRegistration, NativeCallContext};

use super::Modules;
use crate::fault::{Fault, Raised};
use crate::host::Host;
use crate::journey::Data;
use crate::table::{Table, dynamic};

pub(crate) fn register(engine: &mut Engine, modules: &mut Modules, host: &Rc<Host>) {
    let h = Rc::clone(host);
    engine.register_fn("data", move |ctx: NativeCallContext<'_>, path: &str| data(&h, &ctx, path));
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

/// The file's path, with permission: relative ones start at the scenario's folder.
fn permitted(host: &Host, ctx: &NativeCallContext<'_>, path: &str) -> Raised<Option<PathBuf>> {
    let (granted, flag) = host.read_permission(path);
    host.permit(granted, &flag, &format!("may not read `{path}`"), host.at_argument(ctx, 0))?;
    Ok(granted.then(|| host.base.join(path)))
}

/// The bytes of a file; none while a plan is made without the permission.
fn bytes(host: &Host, ctx: &NativeCallContext<'_>, path: &str) -> Raised<Option<Arc<Vec<u8>>>> {
    let Some(full) = permitted(host, ctx, path)? else { return Ok(None) };
    let limit = usize::try_from(host.options.limits.file).unwrap_or(usize::MAX);
    let fail = |message: String| Fault::runtime("unreadable", message).or_at(Some(host.at_argument(ctx, 0))).raise(ctx);
    let bytes =
        host.files.read(&full, limit).map_err(|error| fail(format!("cannot read `{}`: {error}", full.display())))?;
    if bytes.len() > limit {
        return Err(fail(format!("`{path}` has more than the {limit} bytes that a script may read")));
    }
    Ok(Some(bytes))
}

/// The bytes of a file that a request sends.
pub(crate) fn file_bytes(host: &Host, ctx: &NativeCallContext<'_>, path: &str) -> Raised<Vec<u8>> {
    Ok(bytes(host, ctx, path)?.map(|bytes| bytes.to_vec()).unwrap_or_default())
}

fn text(host: &Host, ctx: &NativeCallContext<'_>, path: &str) -> Raised<Option<String>> {
    let Some(bytes) = bytes(host, ctx, path)? else { return Ok(None) };
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| {
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
    let make = || match text(host, ctx, path)? {
        None => Ok(Table::empty()),
        Some(text) if path.ends_with(".json") => {
            let value = serde_json::from_str(&text).map_err(|error| fail(format!("`{path}`: not JSON: {error}")))?;
            Table::json(value).ok_or_else(|| fail(format!("`{path}` must be a list of objects")))
        }
        Some(text) if path.ends_with(".csv") => Table::csv(&text).map_err(|error| fail(format!("`{path}`: {error}"))),
        Some(_) => Err(fail(format!("`{path}` must end in `.csv` or `.json`"))),
    };
    // Without the permission there are no rows to be kept for later.
    let table = match permitted(host, ctx, path)? {
        Some(full) => host.files.table(&full, make)?,
        None => Arc::new(Table::empty()),
    };
    Ok(Data::new(path, table))
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
    Ok(dynamic(&value))
}

//! From the maps of a file to rules, findings and tests.

use std::rc::Rc;

use engine_analysis::advice::{Draft, LimitDef, Limits, Seen, unknown};
use engine_core::finding::{Effort, Family, Gain, Resource};
use engine_core::nearest::hint;
use engine_core::unit::Unit;
use rhai::{AST, Array, Dynamic, Engine, Map};

use super::UserRule;
use super::language::function;
use super::trial::{self, Trial};
use crate::quantity;

/// The fields of a rule.
const FIELDS: [&str; 9] = ["title", "looks_at", "needs", "model", "effort", "wrong_when", "limits", "check", "tests"];

/// The fields of a finding.
const FOUND: [&str; 8] = ["subject", "resource", "evidence", "cause", "action", "gain", "fit", "against"];

/// Refuses fields that do not exist, with the one that was meant.
pub(super) fn known(map: &Map, fields: &[&str]) -> Result<(), String> {
    match map.keys().find(|key| !fields.contains(&key.as_str())) {
        Some(key) => Err(format!("there is no field `{key}`{}", hint(key, fields.iter().copied()))),
        None => Ok(()),
    }
}

/// A text that must be there.
pub(super) fn text(map: &Map, name: &str) -> Result<String, String> {
    let value = map.get(name).ok_or_else(|| format!("`{name}` is missing"))?;
    let text = value.clone().into_string().map_err(|kind| format!("`{name}` must be a text, got {kind}"))?;
    if text.trim().is_empty() { Err(format!("`{name}` is empty")) } else { Ok(text) }
}

/// A number in its base unit.
pub(super) fn number(value: &Dynamic) -> Result<f64, String> {
    amount(value).map(|(value, _)| value)
}

/// A number in its base unit, and that unit.
pub(super) fn amount(value: &Dynamic) -> Result<(f64, Unit), String> {
    match quantity::read(value) {
        Some(Ok(found)) => Ok((found.value, Unit::of(found.dimension))),
        Some(Err(error)) => Err(error.to_string()),
        None => Err(format!("expected a number or a quantity such as \"5 ms\", got {}", value.type_name())),
    }
}

/// A rule from its fields.
pub(super) fn rule(
    file: &str,
    (engine, ast): (&Rc<Engine>, &Rc<AST>),
    id: &str,
    mut fields: Map,
) -> Result<UserRule, String> {
    let family = id.split_once('.').map(|(family, _)| family).and_then(Family::of);
    if family.is_none() || !engine_core::series::is_step_name(id) {
        let all = Family::ALL.map(Family::name).join(", ");
        return Err(format!("an id is `family.name`, the family one of {all}"));
    }
    known(&fields, &FIELDS)?;
    let effort = text(&fields, "effort")?;
    let effort = Effort::of(&effort).ok_or_else(|| format!("`effort` is minutes, hours or days, got `{effort}`"))?;
    let limits = fields.remove("limits").map(|limits| limits_of(&limits)).transpose()?.unwrap_or_default();
    let check = fields.remove("check").and_then(function);
    let check = check.ok_or("`check` must be a function: `|facts, limits| ..`")?;
    let tests = fields.remove("tests").map(|tests| trials(&tests)).transpose()?.unwrap_or_default();
    Ok(UserRule {
        file: file.to_owned(),
        engine: Rc::clone(engine),
        ast: Rc::clone(ast),
        id: id.to_owned(),
        title: text(&fields, "title")?,
        looks_at: text(&fields, "looks_at")?,
        needs: text(&fields, "needs")?,
        model: text(&fields, "model")?,
        effort,
        wrong_when: text(&fields, "wrong_when")?,
        limits,
        check,
        tests,
    })
}

fn limits_of(value: &Dynamic) -> Result<Vec<LimitDef>, String> {
    let map = value.clone().try_cast::<Map>().ok_or("`limits` must be a map: `#{ ratio: 2.0 }`")?;
    map.iter()
        .map(|(name, value)| {
            let (default, unit) = amount(value).map_err(|why| format!("limit `{name}`: {why}"))?;
            Ok(LimitDef { name: name.to_string().into(), default, unit, doc: "limit of a rule of your own".into() })
        })
        .collect()
}

fn trials(value: &Dynamic) -> Result<Vec<Trial>, String> {
    let list = value.clone().try_cast::<Array>().ok_or("`tests` must be a list of maps")?;
    list.iter()
        .enumerate()
        .map(|(at, one)| {
            let map = one.clone().try_cast::<Map>().ok_or_else(|| format!("test {}: must be a map", at + 1))?;
            trial::read(&map).map_err(|why| format!("test {}: {why}", at + 1))
        })
        .collect()
}

/// A finding from what a check gives.
pub(super) fn draft(answer: &Dynamic, limits: &Limits<'_>) -> Result<Draft, String> {
    let map = answer.clone().try_cast::<Map>().ok_or("a check gives a map (a finding) or nothing")?;
    known(&map, &FOUND)?;
    let resource = text(&map, "resource")?;
    let resource = Resource::of(&resource).ok_or_else(|| format!("there is no resource `{resource}`"))?;
    let evidence = map.get("evidence").cloned().and_then(|list| list.try_cast::<Array>()).unwrap_or_default();
    let seen: Vec<Seen> = evidence.iter().filter_map(|one| one.clone().try_cast::<Seen>()).collect();
    let first = seen.first().ok_or("`evidence` must be a list with at least one value of `facts`")?;
    let subject = match map.get("subject") {
        None => first.step.clone(),
        Some(_) => text(&map, "subject")?,
    };
    let gain = map.get("gain").cloned().and_then(|gain| gain.try_cast::<Gain>());
    let gain = gain.unwrap_or_else(|| unknown("the rule gives no model"));
    let against = map.get("against").map(|_| text(&map, "against")).transpose()?;
    let mut draft = Draft::new(subject, resource).cause(text(&map, "cause")?).action(text(&map, "action")?).gain(gain);
    for one in &seen {
        draft = match &against {
            Some(limit) if one == first => draft.rests(one).shown(one.against(limits.at_least(limit))),
            _ => draft.on(&[one]),
        };
    }
    if let Some(fit) = map.get("fit") {
        let fit = number(fit)?;
        if !(0.0..=1.0).contains(&fit) {
            return Err(format!("`fit` is 0 to 1, got {fit}"));
        }
        draft = draft.fit(fit, "as the rule says");
    }
    Ok(draft)
}

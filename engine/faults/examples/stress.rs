//! Runs one stressor: `cargo run -p engine-faults --example stress -- stress.cpu intensity=50 duration='10 s'`.
//! Prints its reports as JSON lines, then the processors that it was bound to.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use engine_core::args::ArgValue;
use engine_faults::stress::{Start, Stress, find, registry};
use engine_faults::{Caps, Journal, Launcher};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, role] = arguments.as_slice()
        && first == "__faults"
    {
        return Ok(engine_faults::child::main(role)?);
    }
    let known = || registry().iter().map(|stressor| stressor.info.id).collect::<Vec<_>>().join(" ");
    let Some((id, options)) = arguments.split_first() else {
        return Err(format!("which? {}", known()).into());
    };
    let stressor = find(id).ok_or_else(|| format!("there is no `{id}`: {}", known()))?;
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| format!("NAME=VALUE, not `{text}`"))?;
        Ok::<_, String>((name.to_owned(), ArgValue::Text(value.to_owned())))
    };
    let given: BTreeMap<String, ArgValue> = options.iter().map(pair).collect::<Result<_, _>>()?;
    let place = std::env::temp_dir().join(format!("engine-stress-{}", std::process::id()));
    std::fs::create_dir_all(&place)?;
    let me = std::env::current_exe()?;
    let journal = Journal::open(&place.join("journal"), Launcher::new(me.to_string_lossy(), &["__faults"]))?;
    let start = Start { seed: 1, plant: None, scratch: Some(&place) };
    let stress = Stress::start(&journal, &Caps::default(), stressor, &given, false, &start)?;
    println!(
        "{}",
        serde_json::json!({ "processors": stress.request().processors, "threads": stress.request().threads })
    );
    while stress.progress().ended.is_none() {
        std::thread::sleep(Duration::from_millis(500));
        println!("{}", serde_json::to_string(&stress.progress())?);
    }
    stress.wait()?;
    drop(journal);
    Ok(std::fs::remove_dir_all(&place)?)
}

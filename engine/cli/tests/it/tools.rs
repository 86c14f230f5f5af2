//! What the binary lends to the probes of tools: itself as a server, and its script language.

use engine_core::stats::Stream;
use engine_probes::tool::schema::Schema;
use serde_json::{Value, json};

use crate::sandbox::Sandbox;

#[test]
fn the_hidden_server_answers_until_its_input_ends() {
    let sandbox = Sandbox::new();
    let hello = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}\n\
                 {\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n\
                 {\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{\"text\":\"hé\"}}}\n\
                 nonsense\n";
    let output = sandbox.command(&["__tool", "mcp"]).write_stdin(hello).output().unwrap();
    let lines: Vec<serde_json::Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((output.status.code(), lines.len()), (Some(0), 3));
    assert_eq!(lines[0]["result"]["serverInfo"]["name"], "engine");
    assert_eq!(lines[1]["result"]["content"][0]["text"], "hé");
    assert_eq!(lines[2]["error"]["code"], -32_700);
    sandbox.expect(2, &["__tool", "nothing"]).says(&["no tool server `nothing`"]);
}

#[test]
fn the_ladder_has_every_layer() {
    let sandbox = Sandbox::new();
    let report = sandbox.expect(0, &["--json", "run", "-e", "bench(tool::ladder());", "--profile", "tiny"]).json();
    let metrics = report["steps"][0]["metrics"].as_array().unwrap();
    let layers: Vec<&str> = metrics
        .iter()
        .filter(|metric| metric["metric"] == "latency")
        .map(|metric| metric["labels"]["layer"].as_str().unwrap())
        .collect();
    for layer in ["function", "rhai", "jsonrpc", "stdio", "http_new", "spawn_large", "shell"] {
        assert!(layers.contains(&layer), "`{layer}` is not in {layers:?}");
    }
    assert_eq!(layers.len(), 16);
}

#[test]
fn a_server_is_named_before_the_options_or_is_the_engine_itself() {
    let sandbox = Sandbox::new();
    let engine = assert_cmd::cargo::cargo_bin("engine");
    let engine = engine.to_str().unwrap();
    let script = format!(
        "bench(\"own\", tool::mcp());\nbench(\"add\", tool::mcp([\"{engine}\", \"__tool\", \"mcp\"], #{{ tool: \"add\", params: \
         #{{ a: 1, b: 2 }} }}));\nbench(tool::concurrency([\"{engine}\", \"__tool\", \"mcp\"], #{{ tool: \"echo\", payload_name: \
         \"text\" }}));"
    );
    sandbox.file("s.rhai", &script);
    let allow = format!("--allow-run={engine}");
    let report = sandbox.expect(0, &["--json", "run", "s.rhai", "--profile", "tiny", &allow]).json();
    let steps = report["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 3);
    assert!(steps.iter().all(|step| step["outcome"]["status"] == "measured"), "{report}");
    // Without the permission nothing runs, and the message names the flag.
    sandbox.expect(21, &["run", "s.rhai", "--profile", "tiny"]).says(&["--allow-run="]);
    let wrong = sandbox.tiny(3, "bench(tool::mcp([\"true\"], #{ tol: \"x\" }));");
    wrong.says(&["has no option `tol`", "did you mean `tool`"]);
    sandbox.tiny(3, "bench(tool::mcp([1]));").says(&["takes a program and its arguments as a list of texts"]);
    sandbox.tiny(3, "bench(tool::mcp(#{ params: 3 }));").says(&["`params` must be map"]);
    sandbox.tiny(3, "bench(cpu::primes([\"true\"]));").says(&["takes its options as a map"]);
}

#[test]
fn a_bad_server_fails_its_step_and_says_why() {
    let sandbox = Sandbox::new();
    for (program, arguments, patience, why) in [
        ("false", "", "1 min", "ended with exit code 1"),
        ("yes", "", "1 min", "no JSON-RPC message: `y`"),
        ("sleep", ", \"100\"", "200 ms", "silent for"),
    ] {
        let script = format!("bench(tool::mcp([\"{program}\"{arguments}], #{{ timeout: \"{patience}\" }}));");
        sandbox.file("s.rhai", &script);
        let allow = format!("--allow-run={program}");
        let ran = sandbox.run(&["run", "s.rhai", "--profile", "tiny", &allow]);
        // The terminal breaks lines where it likes.
        let said: Vec<&str> = ran.out.split_whitespace().chain(ran.err.split_whitespace()).collect();
        assert!(ran.code != 0 && said.join(" ").contains(why), "{program}: {said:?}");
    }
}

/// Values and schemas drawn from a seed, small enough that many schemas fit some values and not others.
struct Random(Stream);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0.next_u64() % limit
    }

    fn leaf(&mut self) -> Value {
        let whole = self.below(7) as i64 - 3;
        match self.below(6) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(whole),
            3 => json!(whole as f64),
            4 => json!(whole as f64 + 0.5),
            _ => json!("abé".chars().cycle().take(self.below(5) as usize).collect::<String>()),
        }
    }

    fn value(&mut self, depth: u32) -> Value {
        match self.below(if depth == 0 { 2 } else { 4 }) {
            0 | 1 => self.leaf(),
            2 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => {
                let names: Vec<&str> = ["a", "b", "c"].into_iter().filter(|_| self.below(2) == 0).collect();
                Value::Object(names.into_iter().map(|name| (name.to_owned(), self.value(depth - 1))).collect())
            }
        }
    }

    fn kind(&mut self) -> Value {
        const KINDS: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];
        json!(KINDS[self.below(7) as usize])
    }

    fn schema(&mut self, depth: u32) -> Value {
        let (least, most) = (self.below(3), self.below(5));
        match self.below(if depth == 0 { 7 } else { 10 }) {
            0 => json!(self.below(4) > 0),
            1 => json!({ "type": self.kind(), "title": "one" }),
            2 => match (self.kind(), self.kind()) {
                (one, other) if one == other => json!({ "type": [one] }),
                (one, other) => json!({ "type": [one, other] }),
            },
            3 => json!({ "minimum": least as f64 - 2.5, "maximum": most }),
            4 => json!({ "minLength": least, "maxLength": most }),
            5 => json!({ "minItems": least, "maxItems": most }),
            6 => json!({ "enum": [self.leaf(), self.leaf(), self.value(1)] }),
            7 => json!({ "items": self.schema(depth - 1) }),
            _ => json!({
                "properties": { "a": self.schema(depth - 1), "b": self.schema(depth - 1) },
                "required": if self.below(2) == 0 { json!(["b"]) } else { json!([]) },
                "additionalProperties": self.schema(depth - 1)
            }),
        }
    }
}

#[test]
fn the_validator_of_arguments_agrees_with_a_full_implementation() {
    let mut random = Random(Stream::new(11, &[]));
    let mut fits = [0u32; 2];
    for _ in 0..3_000 {
        let schema = random.schema(3);
        // Two equal values in an `enum` are not allowed.
        let Ok(full) = jsonschema::validator_for(&schema) else { continue };
        let ours = Schema::compile(&schema).unwrap();
        for _ in 0..10 {
            let value = random.value(3);
            assert_eq!(ours.fits(&value), full.is_valid(&value), "{value} against {schema}");
            fits[usize::from(ours.fits(&value))] += 1;
        }
    }
    // Neither answer is rare: the comparison means something.
    assert!(fits.iter().all(|count| *count > 3_000), "{fits:?}");
}

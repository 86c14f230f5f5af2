use super::*;
use serde_json::json;

#[test]
fn what_a_tool_declares_is_checked() {
    let schema = json!({
        "type": "object",
        "properties": { "a": { "type": "integer" }, "text": { "type": "string", "maxLength": 3 } },
        "required": ["a"],
        "additionalProperties": false
    });
    let schema = Schema::compile(&schema).unwrap();
    assert!(schema.fits(&json!({ "a": 1, "text": "äöü" })));
    for wrong in
        [json!({}), json!({ "a": 1.5 }), json!({ "a": 1, "text": "long" }), json!({ "a": 1, "b": 2 }), json!([])]
    {
        assert!(!schema.fits(&wrong), "{wrong}");
    }
}

#[test]
fn an_unknown_keyword_is_an_error_and_never_ignored() {
    assert_eq!(Schema::compile(&json!({ "oneOf": [] })), Err(SchemaError::Unknown("oneOf".to_owned())));
    for wrong in [
        json!({ "type": "text" }),
        json!({ "type": [] }),
        json!({ "required": [1] }),
        json!({ "minLength": -1 }),
        json!(3),
    ] {
        assert!(matches!(Schema::compile(&wrong), Err(SchemaError::Malformed(_))), "{wrong}");
    }
}

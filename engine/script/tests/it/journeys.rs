//! Journeys of virtual users: what they can ask for, and that nothing they do ends the process.

use engine_load::record::Kind;

use crate::server::{Server, against, failure, failures, once, row};

#[test]
fn a_journey_requests_and_checks() {
    let server = Server::json("{\"sku\": 7}");
    let outcome = against(
        &server,
        "fn buyer(user) {\n    let page = user.get(\"/products/12\", #{ status: 200 });\n    user.check(\"has a sku\", page.json(\"sku\") == 7);\n}\nload(\"shop\", #{ target: \"TARGET\", users: 3, iterations_per_user: 4, journey: buyer });",
    );
    assert_eq!(failures(&outcome), []);
    assert_eq!((outcome.requests().ok, outcome.conservation.iterations), (12, 12));
    assert_eq!(row(&outcome, Kind::Request, "GET /products/:id").ok, 12);
    let checks = row(&outcome, Kind::Check, "has a sku");
    assert_eq!((checks.started, checks.ok, checks.failed), (12, 12, 0));
    assert!(outcome.totals.rows.keys().all(|label| &*label.journey == "buyer"));
}

/// Bodies of journeys that go too deep, and whether they may get away with it.
#[test]
fn nothing_that_nests_ends_the_process() {
    let nested = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    let server = Server::json(&nested);
    let calls: String = (0..15).map(|n| format!("fn f{n}(x) {{ 1 + f{}(x) }}\n", n + 1)).collect();
    let tail = "load(#{ target: \"TARGET\", users: 2, iterations: 4, duration: \"20 s\", journey: j });";
    let deep: Vec<(&str, String)> = vec![
        (
            "sixteen calls",
            format!("{calls}fn f15(x) {{ x }}\nfn j(user) {{ user.state.sum = f0(1); user.get(\"/\"); }}\n{tail}"),
        ),
        ("recursion", format!("fn f(n) {{ 1 + f(n + 1) }}\nfn j(user) {{ user.get(\"/\"); f(0); }}\n{tail}")),
        (
            "caught recursion",
            format!(
                "fn f(n) {{ 1 + f(n + 1) }}\nfn j(user) {{ try {{ f(0); }} catch {{ }} user.get(\"/\"); }}\n{tail}"
            ),
        ),
        ("closures", format!("fn j(user) {{ let f = |g, n| g.call(g, n + 1) + 1; f.call(f, 0); }}\n{tail}")),
        ("groups", format!("fn g(user) {{ group(\"g\", || g(user)) }}\nfn j(user) {{ g(user); }}\n{tail}")),
        ("methods", format!("fn User.m() {{ this.m() + 1 }}\nfn j(user) {{ user.m(); }}\n{tail}")),
        (
            "sort",
            format!(
                "fn f(n) {{ 1 + f(n + 1) }}\nfn j(user) {{ let a = [3, 1, 2]; a.sort(|x, y| f(x)); user.get(\"/\"); }}\n{tail}"
            ),
        ),
        ("lists", format!("fn j(user) {{ let a = []; for i in 0..5000 {{ a = [a]; }} user.get(\"/\"); }}\n{tail}")),
        (
            "maps",
            format!(
                "fn j(user) {{ let a = #{{}}; for i in 0..5000 {{ a = #{{ a: #{{ a: a }} }}; }} user.get(\"/\"); }}\n{tail}"
            ),
        ),
        (
            "answers",
            format!("fn j(user) {{ let a = user.get(\"/\").json(); let b = [a, a]; user.state.kept = b; }}\n{tail}"),
        ),
        ("values", format!("fn j(user) {{ user.get(\"/\").json(\"[0][0][0]\"); }}\n{tail}")),
    ];
    for (what, text) in deep {
        let outcome = against(&server, &text);
        let all = failures(&outcome);
        let may_pass = matches!(what, "sixteen calls" | "answers" | "values");
        assert!(may_pass || !all.is_empty(), "{what} passed");
        for (class, example) in all {
            assert_eq!(class, "script error", "{what}: {example}");
            assert!(example.contains("too deep"), "{what}: {example}");
        }
        assert_eq!(outcome.conservation.iterations, 4, "{what}");
        assert!(outcome.doubts.iter().all(|doubt| !doubt.reason.contains("panicked")), "{what}: {:?}", outcome.doubts);
    }
}

#[test]
fn an_answer_too_deep_to_be_copied_is_an_error_of_the_script() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let server = Server::json(&format!("{}1{}", open.repeat(5000), close.repeat(5000)));
        let (class, example) = failure(&once(&server, "user.get(\"/\").json()"));
        assert_eq!(class, "script error");
        assert!(example.starts_with("a.rhai:1:") && example.contains("not JSON"), "{example}");
    }
}

#[test]
fn a_loop_without_end_is_ended_and_keeps_nobody_from_working() {
    let server = Server::json("{}");
    let options = engine_script::Options {
        limits: engine_script::Limits { iteration_operations: 3_000_000, ..engine_script::Limits::default() },
        ..crate::fakes::trusted()
    };
    let text = "load(#{ target: \"TARGET\", users: 2, iterations_per_user: 1, duration: \"30 s\", journey: |user| {\n    if user.id == 0 { while true { } }\n    for i in 0..20 { user.get(\"/\"); }\n} });";
    let mut scenario = crate::server::scenario(&text.replace("TARGET", &server.url()), options);
    let outcome = crate::server::run(crate::server::request(&mut scenario));
    let (class, example) = failure(&outcome);
    assert!(class == "script error" && example.contains("more than 3000000 operations"), "{example}");
    assert_eq!(outcome.requests().ok, 20);
}

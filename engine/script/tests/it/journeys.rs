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
            assert!(example.contains("too deep") || example.contains("levels deep"), "{what}: {example}");
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

#[test]
fn requests_carry_what_they_were_given() {
    let server = Server::json("{}");
    let outcome = once(
        &server,
        r#"
        user.post("/json", #{ json: #{ a: [1, 2.5, "x\"y", true, ()], n: #{} }, query: #{ q: "red & blue" } });
        user.put("/form?x=1", #{ form: #{ "e mail": "a@b c", n: 5 }, query: #{ y: 2 } });
        user.patch("/body", #{ body: "plain", headers: #{ "X-A": "b", "Content-Type": "text/x" } });
        user.delete("/gone"); user.head("/head"); user.request("OPTIONS", "/any", #{ headers: #{ "X-S": secret("S") } });
        user.post("/empty");
        "#,
    );
    assert_eq!(failures(&outcome), []);
    let seen = server.seen();
    let told: Vec<(&str, &str, &str)> =
        seen.iter().map(|seen| (seen.method.as_str(), seen.path.as_str(), seen.body.as_str())).collect();
    assert_eq!(
        told,
        [
            ("POST", "/json?q=red%20%26%20blue", r#"{"a":[1,2.5,"x\"y",true,null],"n":{}}"#),
            ("PUT", "/form?x=1&y=2", "e+mail=a%40b+c&n=5"),
            ("PATCH", "/body", "plain"),
            ("DELETE", "/gone", ""),
            ("HEAD", "/head", ""),
            ("OPTIONS", "/any", ""),
            ("POST", "/empty", ""),
        ]
    );
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    assert_eq!(seen[1].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!((seen[2].header("content-type"), seen[2].header("x-a")), (Some("text/x"), Some("b")));
    assert_eq!(row(&outcome, Kind::Request, "PUT /form").ok, 1);
}

#[test]
fn answers_give_what_is_in_them() {
    let server = Server::new(|_| {
        (
            "404 Not Found",
            "X-Kind: shop\r\n",
            "{\"items\": [{\"sku\": 7, \"price\": 1.5}], \"t\": \"<a href='x9'>\"}".to_owned(),
        )
    });
    let outcome = once(
        &server,
        r#"
        let r = user.get("/a", #{ status: [200, 404] });
        let all = [r.status, r.ok, r.error, r.size, r.url, r.json("items[0].sku"), r.json("items[0].price"), r.json("items").len(),
            r.json("none", 5), r.json().items[0].sku, r.header("x-kind"), r.header("none"), r.between("href='", "'"),
            r.between("[[", "]]", "no"), r.find("x([0-9]+)"), r.find("zz", 0), r.text() == r.body,
            r.time > "0 s" && r.timings.first_byte > "0 s" && r.timings.total == r.time];
        user.state.all = all;
        user.check(all.to_string(), true);
        "#,
    );
    assert_eq!(failures(&outcome), []);
    let checks: Vec<String> = outcome
        .totals
        .rows
        .keys()
        .filter(|label| label.kind == Kind::Check)
        .map(|label| label.endpoint.to_string())
        .collect();
    assert_eq!(checks, [r#"[404, true, (), 59, "/a", 7, 1.5, 1, 5, 7, "shop", (), "x9", "no", "9", 0, true, true]"#]);
}

#[test]
fn what_is_missing_in_an_error_ends_the_iteration_as_that_error() {
    let good = Server::json("{\"a\": 1}");
    for (body, part) in [
        ("user.get(\"/\").json(\"b\")", "there is no `b` in the answer"),
        ("user.get(\"/\").between(\"<\", \">\")", "nothing stands between"),
        ("user.get(\"/\").find(\"z+\")", "matches nothing"),
        ("user.state.none", "the user's state has no `none`"),
        ("user.data.none", "the load has no data `none`"),
        ("let m = user.get(\"/\").json(); m.b", "there is no property `b`"),
        ("user.random(5..=1)", "has nothing to choose from"),
        ("user.think(5)", "takes a time such as"),
        ("let t = 5; user.get(\"/\", #{ timeout: t })", "`timeout` must be a time"),
        ("throw \"sold out\"", "sold out"),
        ("user.get(secret(\"S\"))", "cannot hold a secret"),
    ] {
        let (class, example) = failure(&once(&good, body));
        assert_eq!(class, "script error", "{body}: {example}");
        assert!(example.contains(part) && example.starts_with("a.rhai:1:"), "{body}: {example}");
    }
    let bad = Server::new(|_| ("500 Oops", "", "<html>".to_owned()));
    let (class, example) = failure(&once(&bad, "user.get(\"/\").json(\"b\")"));
    assert_eq!(class, "status 500", "{example}");
    let (class, example) = failure(&once(&good, "user.fail(\"not today\")"));
    assert_eq!((class.as_str(), example.as_str()), ("journey failed", "not today"));
}

#[test]
fn a_target_that_is_gone_is_no_error_of_the_script() {
    // The port of a server that has just ended may be another test's by now; nobody is given this one.
    let address = "http://127.0.0.1:1";
    let text = format!(
        "load(#{{ target: \"{address}\", users: 1, iterations: 2, journey: |user| {{ let r = user.get(\"/\"); user.check(`${{r.ok}} ${{r.status}} ${{r.error}}`, r.time > \"0 s\"); r.json(\"a\") }} }});"
    );
    let mut scenario = crate::server::scenario(&text, crate::fakes::trusted());
    let outcome = crate::server::run(crate::server::request(&mut scenario));
    let (class, _) = failure(&outcome);
    assert_eq!((class.as_str(), outcome.requests().failed), ("connection refused", 2));
    assert_eq!(row(&outcome, Kind::Check, "false 0 connection refused").ok, 2);
}

#[test]
fn hosts_that_are_not_permitted_get_nothing() {
    let server = Server::json("{}");
    let text = "load(#{ target: \"TARGET\", users: 1, iterations: 1, journey: |user| { let host = \"http://10.0.0.1:81\"; user.get(host + \"/\"); user.get(\"/after\"); } });";
    let mut scenario = crate::server::scenario(&text.replace("TARGET", &server.url()), crate::fakes::options());
    let (class, _) = failure(&crate::server::run(crate::server::request(&mut scenario)));
    assert_eq!((class.as_str(), server.seen().len()), ("host not permitted", 0));
}

#[test]
fn users_keep_state_cookies_and_data() {
    let server = Server::new(|seen| match seen.path.as_str() {
        "/login" => ("302 Found", "Set-Cookie: id=7; Path=/\r\nLocation: /home\r\n", String::new()),
        _ => ("200 OK", "", "{}".to_owned()),
    });
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.csv"), "name,word\nann,one\nbob,two\n").unwrap();
    let text = "fn j(user) {\n    if user.iteration == 0 { let r = user.post(\"/login\", #{ form: #{ n: user.data.account.name } }); user.state.url = r.url; }\n    user.state.seen = user.state.get(\"seen\", 0) + 1;\n    user.get(`/feed/${user.data.account.word}/${user.state.seen}${user.state.url}`, #{ name: \"feed\" });\n}\nload(#{ target: \"TARGET\", users: 2, iterations_per_user: 2, data: #{ account: data(\"a.csv\").per_user() }, journey: j });";
    let source = engine_script::Source::Text {
        name: "a.rhai".into(),
        text: text.replace("TARGET", &server.url()),
        base: dir.path().into(),
    };
    let mut scenario = engine_script::load(&source, crate::fakes::trusted()).unwrap();
    let outcome = crate::server::run(crate::server::request(&mut scenario));
    assert_eq!(failures(&outcome), []);
    let mut feeds: Vec<(String, bool)> = server
        .seen()
        .iter()
        .filter(|seen| seen.path.starts_with("/feed"))
        .map(|seen| (seen.path.clone(), seen.header("cookie") == Some("id=7")))
        .collect();
    feeds.sort();
    let home = format!("{}/home", server.url());
    let want: Vec<(String, bool)> =
        ["one/1", "one/2", "two/1", "two/2"].into_iter().map(|part| (format!("/feed/{part}{home}"), true)).collect();
    assert_eq!(feeds, want);
    let forms: std::collections::BTreeSet<String> =
        server.seen().iter().filter(|seen| seen.path == "/login").map(|seen| seen.body.clone()).collect();
    assert_eq!(forms.into_iter().collect::<Vec<_>>(), ["n=ann", "n=bob"]);
}

#[test]
fn groups_timers_and_values_are_rows() {
    let server = Server::json("{}");
    let outcome = once(
        &server,
        "let r = group(\"shop\", || user.get(\"/a\")); record(\"size\", 3.MiB); record(\"count\", 2); record(\"count\", 4);\nlet six = timed(\"work\", || 2 * 3); user.get(\"/\" + six); ack(1);\ntry { timed(\"bad\", || throw \"no\"); } catch (e) { }",
    );
    assert_eq!(failures(&outcome), []);
    let grouped = outcome.totals.sum(|label| &*label.group == "shop" && &*label.endpoint == "GET /a");
    assert_eq!(grouped.ok, 1);
    assert_eq!(server.seen()[1].path, "/6");
    assert_eq!((row(&outcome, Kind::Timer, "work").ok, row(&outcome, Kind::Timer, "bad").failed), (1, 1));
    let size = row(&outcome, Kind::Value, "size");
    assert_eq!(size.unit, Some(engine_core::unit::Unit::Bytes));
    let near = |row: &engine_load::record::Row, want: f64| {
        let value = row.response.value_at_quantile(1.0).unwrap().floor() as f64;
        (value / engine_load::record::value_scale(row.unit.unwrap()) / want - 1.0).abs() < 0.002
    };
    assert!(near(&size, 3.0 * 1_048_576.0) && near(&row(&outcome, Kind::Value, "count"), 4.0));
    assert_eq!(row(&outcome, Kind::Value, "acknowledged").ok, 1);
    let (class, example) = failure(&once(&server, "record(\"x\", 1.s); record(\"x\", 1.MiB);"));
    assert!(class == "script error" && example.contains("was recorded in"), "{example}");
}

#[test]
fn users_end_themselves_or_the_load() {
    let server = Server::json("{}");
    let outcome = against(
        &server,
        "load(#{ target: \"TARGET\", users: 3, duration: \"60 s\", journey: |user| { user.get(\"/\"); if user.iteration == user.id { user.stop(); } } });",
    );
    assert_eq!((outcome.conservation.iterations, outcome.stopped), (1 + 2 + 3, false));
    let outcome = against(
        &server,
        "load(#{ target: \"TARGET\", users: 3, duration: \"60 s\", journey: |user| { user.think(\"1 ms\"); if user.iteration == 5 { stop(\"enough\"); } } });",
    );
    assert!(outcome.stopped && outcome.seconds < 50.0);
    assert!(failures(&outcome)[0].1.contains("the load was stopped: enough"));
}

#[test]
fn captured_values_are_each_journeys_own() {
    let server = Server::json("{}");
    let outcome = against(
        &server,
        "fn made(n) { |user| user.get(\"/n\" + n) }\nlet journeys = [];\nfor n in [1, 2, 3] { journeys.push(#{ name: \"j\" + n, run: made(n) }); }\nload(#{ target: \"TARGET\", users: 3, iterations_per_user: 2, journeys: journeys });",
    );
    assert_eq!(failures(&outcome), []);
    let mut paths: Vec<String> = server.seen().iter().map(|seen| seen.path.clone()).collect();
    paths.sort();
    assert_eq!(paths, ["/n1", "/n1", "/n2", "/n2", "/n3", "/n3"]);
    // Closures that wait in a list see the loop's last value when the load is declared: a wrong load under a right name.
    let looped = "let journeys = [];\nfor n in [1, 2, 3] { journeys.push(#{ name: \"j\" + n, run: |user| user.get(\"/n\" + n) }); }\nload(#{ target: \"http://127.0.0.1:1\", users: 3, iterations: 3, journeys: journeys });";
    let checked = crate::fakes::look(looped);
    assert_eq!(checked.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), ["captured"]);
    assert!(
        crate::fakes::look(&looped.replace("|user| user.get(\"/n\" + n)", "|user| user.get(\"/n\")")).class().is_some()
    );
    let declared = "for n in [1, 2] { load(\"l\" + n, #{ target: \"http://127.0.0.1:1\", users: 1, iterations: 1, journey: |user| user.get(\"/n\" + n) }); }";
    assert!(crate::fakes::look(declared).is_good());
}

#[test]
fn journeys_of_modules_and_methods_of_users_work() {
    let server = Server::json("{\"token\": \"t1\"}");
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("lib")).unwrap();
    std::fs::write(
        dir.path().join("lib/shop.rhai"),
        "const PATH = \"/p/\";\nfn User.login() { this.state.token = this.post(\"/login\").json(\"token\"); }\nfn User.api(path) { this.get(path, #{ headers: #{ Authorization: \"Bearer \" + this.state.token } }) }\nfn path(n) { global::PATH + n }\nfn browser(user) { user.get(path(user.random(1..=1))); }\nfn made(n) { |user| user.get(path(n)) }\n",
    )
    .unwrap();
    let text = "import \"lib/shop\" as shop;\nfn own(user) { user.login(); user.api(\"/own\"); }\nload(#{ target: \"TARGET\", users: 3, iterations_per_user: 1, journeys: [own, shop::browser, #{ name: \"made\", run: shop::made(9) }] });";
    let source = engine_script::Source::Text {
        name: "a.rhai".into(),
        text: text.replace("TARGET", &server.url()),
        base: dir.path().into(),
    };
    let mut scenario = engine_script::load(&source, crate::fakes::trusted())
        .unwrap_or_else(|e| panic!("{}", e.iter().map(|d| d.render(false)).collect::<String>()));
    let outcome = crate::server::run(crate::server::request(&mut scenario));
    assert_eq!(failures(&outcome), []);
    let seen = server.seen();
    let mut paths: Vec<&str> = seen.iter().map(|seen| seen.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/login", "/own", "/p/1", "/p/9"]);
    let own = seen.iter().find(|seen| seen.path == "/own").unwrap();
    assert_eq!(own.header("authorization"), Some("Bearer t1"));
}

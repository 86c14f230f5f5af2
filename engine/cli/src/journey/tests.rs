use serde_json::json;

use super::*;

fn one(command: &str) -> Asked {
    let mut recording = curl::read(command).unwrap_or_else(|error| panic!("{command}: {error}"));
    assert_eq!(recording.requests.len(), 1, "{command}");
    recording.requests.remove(0)
}

fn headers(asked: &Asked) -> Vec<(&str, &str)> {
    asked.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn words_are_split_as_a_shell_splits_them() {
    for (text, want) in [
        ("a  b\tc\nd", &["a", "b", "c", "d"][..]),
        (r#"'a b' "c d" e\ f"#, &["a b", "c d", "e f"]),
        ("a \\\n b", &["a", "b"]),
        (r"'it'\''s' ''", &["it's", ""]),
        (r#""q\"\\\n" "$" a$"#, &["q\"\\\\n", "$", "a$"]),
        (r"$'a\n\t\x41\u00e9\'\\b' x$'y'z", &["a\n\tA\u{e9}'\\b", "xyz"]),
        (r"$'\ud83d\ude00' $'\xc3\xa9' $'\101'", &["\u{1f600}", "\u{e9}", "A"]),
        (r#"--data-raw $'{"a":"it\'s"}'"#, &["--data-raw", "{\"a\":\"it's\"}"]),
        ("http://h/?a=1&b=2", &["http://h/?a=1&b=2"]),
    ] {
        assert_eq!(
            shell::words(text).as_deref(),
            Ok(&want.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()[..]),
            "{text}"
        );
    }
    for (text, say) in [
        ("a 'b", "' is not closed"),
        ("a \"b", "\" is not closed"),
        ("a $'b", "$' is not closed"),
        ("a $TOKEN", "expand"),
        ("\"Bearer $TOKEN\"", "expand"),
        ("`id`", "expand"),
        ("curl x | jq", "joins"),
        ("curl ^\"http://h^\"", "Windows"),
        ("a\\", "backslash"),
    ] {
        let error = shell::words(text).expect_err(text);
        assert!(error.contains(say), "{text}: {error}");
    }
}

#[test]
fn curl_is_read_as_curl_reads_it() {
    let asked = one("curl http://127.0.0.1:8080/a?b=1#c");
    assert_eq!(
        (asked.method.as_str(), asked.origin.as_str(), asked.path.as_str()),
        ("GET", "http://127.0.0.1:8080", "/a?b=1")
    );
    assert_eq!(asked.redirects, Some(0), "without -L curl follows nothing");
    let asked = one("curl -sSL -XPUT example.com -H 'X-A: 1' -H'X-B:2'");
    assert_eq!((asked.method.as_str(), asked.origin.as_str(), asked.path.as_str()), ("PUT", "http://example.com", "/"));
    assert_eq!((headers(&asked), asked.redirects), (vec![("X-A", "1"), ("X-B", "2")], None));
    // Data: joined, POST, a form by default.
    let asked = one("curl http://h/ -d a=1 -d 'b=x y%21'");
    assert_eq!(asked.method, "POST");
    assert_eq!(asked.body, Content::Form(vec![("a".into(), "1".into()), ("b".into(), "x y!".into())]));
    let asked = one(r#"curl http://h/ -H 'content-type: application/json' --data-raw '{"a":[1,2.5,null]}'"#);
    assert_eq!((asked.body.clone(), headers(&asked)), (Content::Json(json!({"a": [1, 2.5, null]})), vec![]));
    // What is JSON and is sent as a form by curl is sent as it is.
    let asked = one(r#"curl http://h/ -d '{"a":1}'"#);
    assert_eq!(asked.body, Content::Text("{\"a\":1}".into()));
    assert_eq!(headers(&asked), [("Content-Type", "application/x-www-form-urlencoded")]);
    let asked = one(r#"curl http://h/ --json '{"a":' --json '1}'"#);
    assert_eq!((asked.method.as_str(), asked.body.clone()), ("POST", Content::Json(json!({"a": 1}))));
    assert_eq!(headers(&asked), [("Accept", "application/json")]);
    let asked = one("curl -G http://h/s?x=1 -d q=a --data-urlencode 'r=b c&d'");
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/s?x=1&q=a&r=b%20c%26d"));
    assert_eq!(
        (one("curl -I http://h").method.as_str(), one("curl -X PATCH http://h -d @f").body.clone()),
        ("HEAD", Content::File("f".into()))
    );
    assert_eq!(one("curl -T up.bin http://h/x").method, "PUT");
    let asked = one("curl -u 'me:pa:ss' -b 'a=1; b=2' -A agent -m 2.5 --compressed http://h/");
    assert_eq!(asked.login, Some(("me".into(), "pa:ss".into())));
    assert_eq!((headers(&asked), asked.timeout), (vec![("Cookie", "a=1; b=2"), ("User-Agent", "agent")], Some(2.5)));
    let asked = one("curl http://h/ -F a=1 -F 'b=two words'");
    let Content::Text(text) = &asked.body else { panic!("{asked:?}") };
    assert!(
        text.starts_with("--engine-part\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--engine-part\r\n")
    );
    assert!(text.ends_with("two words\r\n--engine-part--\r\n") && asked.method == "POST");
    let recording = curl::read("curl -k --cacert ca.pem https://h/1 https://h/2 --next -d x http://i/").unwrap();
    let paths: Vec<&str> = recording.requests.iter().map(|asked| asked.path.as_str()).collect();
    assert!(recording.insecure && recording.ca.as_deref() == Some("ca.pem"));
    assert_eq!((paths, recording.requests[2].method.as_str()), (vec!["/1", "/2", "/"], "POST"));
    // What a browser copies: noise goes.
    let asked = one(
        "curl 'https://shop.example/api/cart' -H 'authority: shop.example' -H 'accept: */*' -H 'accept-language: en' \\\n  -H 'sec-ch-ua: x' -H 'user-agent: Mozilla' -H 'x-token: t' --compressed",
    );
    assert_eq!(headers(&asked), [("x-token", "t")]);
    for (command, say) in [
        ("curl", "no address"),
        ("curl --hedaer x http://h", "did you mean `header`?"),
        ("curl -F 'a=@f' http://h", "file within a form"),
        ("curl -b jar.txt http://h", "file of cookies"),
        ("curl -H bad http://h", "NAME: VALUE"),
        ("curl -x p:1 http://h", "proxy"),
        ("curl ftp://h", "only http"),
        ("curl -d a -F b=c http://h", "two kinds of body"),
        ("curl -H", "needs a value"),
        ("curl -~ http://h", "no option"),
    ] {
        let error = curl::read(command).expect_err(command);
        assert!(error.contains(say), "{command}: {error}");
    }
}

#[test]
fn a_command_becomes_a_scenario() {
    let recording =
        curl::read(r#"curl -u a:b https://api.example/users/42 --json '{"name":"x \"y\"","in":true}'"#).unwrap();
    assert_eq!(
        write::scenario(&recording, "a command for curl"),
        r##"//! Made from a command for curl.
//! It talks to other machines: run it with --allow-net=api.example:443
suite("imported");

fn journey(user) {
    user.post("/users/42", #{
        name: "POST /users/:id",
        redirects: 0,
        headers: #{ Accept: "application/json", Authorization: "Basic " + base64("a:b") },
        json: #{ name: "x \"y\"", "in": true },
    });
}

load(#{ target: "https://api.example", users: 1, duration: "30 s", journey: journey });
"##
    );
}

fn entry(start: &str, took: f64, request: &str, status: u16) -> String {
    format!(
        r#"{{"startedDateTime":"2026-11-26T10:00:{start}Z","time":{took},"request":{{{request}}},"response":{{"status":{status}}}}}"#
    )
}

fn har(entries: &[String]) -> String {
    format!(r#"{{"log":{{"version":"1.2","entries":[{}]}}}}"#, entries.join(","))
}

#[test]
fn a_recording_becomes_a_journey() {
    let all = har(&[
        entry(
            "00.000",
            200.0,
            r#""method":"GET","url":"http://localhost:8080/shop","headers":[{"name":"Accept","value":"text/html,*/*"},{"name":"Cookie","value":"s=1"},{"name":":authority","value":"x"}]"#,
            200,
        ),
        entry("00.250", 50.0, r#""method":"GET","url":"http://localhost:8080/a.css","headers":[]"#, 304),
        entry("00.260", 90.0, r#""method":"GET","url":"http://localhost:8080/b.js","headers":[]"#, 200),
        entry(
            "03.850",
            100.0,
            r#""method":"POST","url":"http://localhost:8080/login","headers":[{"name":"Origin","value":"http://localhost:8080"},{"name":"Content-Type","value":"application/x-www-form-urlencoded"}],"postData":{"mimeType":"application/x-www-form-urlencoded","params":[{"name":"user","value":"a b"}]}"#,
            302,
        ),
        entry("04.000", 10.0, r#""method":"GET","url":"https://cdn.example/x?y=1","headers":[]"#, 200),
        entry("04.020", 10.0, r#""method":"GET","url":"data:text/plain,x","headers":[]"#, 200),
        entry("04.030", 10.0, r#""method":"GET","url":"http://localhost:8080/blocked","headers":[]"#, 0),
    ]);
    let recording = har::read(&all, &har::Filter::default()).unwrap();
    assert_eq!(
        write::scenario(&recording, "the HAR file shop.har"),
        r##"//! Made from the HAR file shop.har.
//! It talks to other machines: run it with --allow-net=cdn.example:443
suite("imported");

fn journey(user) {
    user.get("/shop", #{ name: "GET /shop", status: 200 });
    user.get_all([
        #{ get: "/a.css", name: "GET /a.css", status: 200 },
        #{ get: "/b.js", name: "GET /b.js", status: 200 },
    ]);
    user.think("3.5 s");
    user.post("/login", #{
        name: "POST /login",
        status: 302,
        redirects: 0,
        headers: #{ Origin: "http://localhost:8080" },
        form: #{ user: "a b" },
    });
    user.get("https://cdn.example/x?y=1", #{ name: "GET /x", status: 200 });
}

load(#{ target: "http://localhost:8080", users: 1, duration: "30 s", journey: journey });
"##
    );
    let remarks: Vec<&str> = recording.remarks.iter().map(String::as_str).collect();
    assert!(remarks.iter().any(|remark| remark.starts_with("1 requests that are not HTTP")), "{remarks:?}");
    assert!(remarks.iter().any(|remark| remark.starts_with("1 requests without an answer")), "{remarks:?}");
    assert!(remarks.iter().any(|remark| remark.starts_with("cookies are left out")), "{remarks:?}");
    let few = har::read(&all, &har::Filter { hosts: vec!["localhost".into()], no_static: true }).unwrap();
    let paths: Vec<&str> = few.requests.iter().map(|asked| asked.path.as_str()).collect();
    assert_eq!(paths, ["/shop", "/login"]);
}

#[test]
fn what_is_no_recording_is_told() {
    for (text, say) in [
        ("{", "line 1"),
        ("{}", "missing field `log`"),
        (r#"{"log":{"entries":[]}}"#, "no request"),
        (
            r#"{"log":{"entries":[{"startedDateTime":"now","request":{"method":"GET","url":"http://h"},"response":{}}]}}"#,
            "log.entries[0].startedDateTime",
        ),
    ] {
        let error = har::read(text, &har::Filter::default()).expect_err(text);
        assert!(error.contains(say), "{text}: {error}");
    }
    let binary = har(&[entry(
        "00.000",
        1.0,
        r#""method":"POST","url":"http://h/","headers":[],"postData":{"mimeType":"x/y","text":"AA==","encoding":"base64"}"#,
        200,
    )]);
    assert!(har::read(&binary, &har::Filter::default()).expect_err("binary").contains("binary"));
}

#[test]
fn literals_are_what_they_were() {
    assert_eq!(write::text("a \"b\" \\ \n\u{7}"), "\"a \\\"b\\\" \\\\ \\n\\u0007\"");
    assert!(write::is_literal(&json!({"a": [1, -2.5, "x", true, null]})));
    // As Rhai has neither larger integers nor a float that is written without a fraction, such bodies stay text.
    assert!(
        !write::is_literal(&json!(u64::MAX)) && !write::is_literal(&json!(1.0)) && !write::is_literal(&json!(1e300))
    );
    let deep = (0..20).fold(json!(1), |inner, _| json!([inner]));
    assert!(!write::is_literal(&deep));
}

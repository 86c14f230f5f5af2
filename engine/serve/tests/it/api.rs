//! What the pages and other programs ask.

use crate::client::{change, get, request};
use crate::fixture::{HOSTILE, Site, TOKEN, header, run};

#[test]
fn an_empty_store_is_no_error() {
    let site = Site::new();
    for path in ["/api/v1/runs", "/api/v1/alerts", "/api/v1/series", "/api/v1/baselines", "/api/v1/health", "/metrics"]
    {
        assert_eq!(get(site.at(), path).status, 200, "{path}");
    }
    assert_eq!(get(site.at(), "/api/v1/runs/@last").code(), "unknown_run");
}

#[test]
fn runs_are_listed_filtered_and_walked() {
    let site = Site::new();
    site.runs("quick", 7);
    site.runs("other", 2);
    let all = get(site.at(), "/api/v1/runs").json();
    assert_eq!((all["total"].as_u64(), all["items"].as_array().unwrap().len()), (Some(9), 9));
    let row = &all["items"][0];
    for (field, value) in [("state", "complete"), ("profile", "default"), ("branch", "main"), ("machine", "m1")] {
        assert_eq!(row[field], value);
    }
    assert_eq!(row["steps"]["measured"], 5);
    let mut seen = Vec::new();
    let mut path = "/api/v1/runs?scenario=quick&limit=3".to_owned();
    loop {
        let page = get(site.at(), &path).json();
        assert_eq!(page["total"], 7);
        seen.extend(page["items"].as_array().unwrap().iter().map(|row| row["started"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/runs?scenario=quick&limit=3&cursor={next}");
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first: {seen:?}");
    for (query, count) in [
        ("q=OTHER", 2),
        ("q=team%3Dker", 9),
        ("state=partial", 0),
        ("validity=valid", 9),
        ("tag=team%3Dkernel", 9),
        ("since=2030-01-01T00:00:00Z", 0),
    ] {
        assert_eq!(get(site.at(), &format!("/api/v1/runs?{query}")).json()["total"], count, "{query}");
    }
    for bad in ["limit=0", "limit=501", "limit=x", "cursor=x", "state=gone", "since=monday", "tag=novalue", "unknown=1"]
    {
        let answer = get(site.at(), &format!("/api/v1/runs?{bad}"));
        assert_eq!((answer.status, answer.code()), (400, "bad_request".to_owned()), "{bad}");
    }
}

#[test]
fn one_run_has_everything_and_its_report_is_the_results_file() {
    let site = Site::new();
    let ids = site.runs("quick", 2);
    let detail = get(site.at(), "/api/v1/runs/@last").json();
    assert_eq!(detail["run"]["id"], ids[1].0);
    let record = site.store().run(&ids[1]).unwrap();
    let own: serde_json::Value =
        serde_json::from_str(&engine_report::json::report(&engine_report::Report::of(&record))).unwrap();
    assert_eq!(detail["report"]["steps"], own["steps"]);
    assert_eq!(detail["report"]["run"], own["run"]);
    assert!(detail["report"]["health"]["rows"].is_array());
    let prefix = &ids[0].0[..20];
    assert_eq!(get(site.at(), &format!("/api/v1/runs/{prefix}")).json()["run"]["id"], ids[0].0);
}

#[test]
fn a_timeline_keeps_every_request_however_few_points_it_has() {
    let site = Site::new();
    site.runs("quick", 1);
    let timeline = get(site.at(), "/api/v1/runs/@last/timeline?points=600").json();
    let windows = timeline["loads"][0]["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 4);
    assert_eq!(windows[0]["rate"], 4.0);
    assert_eq!(windows[0]["endpoints"][0]["name"], "GET /x");
    assert_eq!(windows[0]["errors"]["status 500"], 1);
    assert_eq!(timeline["heat_bounds_seconds"].as_array().unwrap().len(), 81);
    assert_eq!(timeline["host"].as_array().unwrap().len(), 6);
    let kinds: Vec<&str> = timeline["marks"].as_array().unwrap().iter().map(|m| m["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"phase") && kinds.contains(&"note"), "{kinds:?}");
    for bad in ["points=9", "points=2001"] {
        assert_eq!(get(site.at(), &format!("/api/v1/runs/@last/timeline?{bad}")).status, 400);
    }
}

#[test]
fn curves_have_the_axis_in_order() {
    let site = Site::new();
    site.runs("quick", 1);
    let curves = get(site.at(), "/api/v1/runs/@last/curves").json();
    let curve = &curves["curves"][0];
    assert_eq!(
        (curve["x"].as_str(), curve["metric"].as_str(), curve["unit"].as_str()),
        (Some("threads"), Some("time"), Some("s"))
    );
    let xs: Vec<f64> = curve["points"].as_array().unwrap().iter().map(|p| p["x"].as_f64().unwrap()).collect();
    assert_eq!(xs, [1.0, 2.0, 4.0, 8.0]);
    assert!(curve["points"][0]["low"].as_f64() <= curve["points"][0]["value"].as_f64());
}

#[test]
fn two_runs_are_compared() {
    let site = Site::new();
    let ids = site.runs("quick", 3);
    let comparison = get(site.at(), &format!("/api/v1/compare?old={}&new={}", ids[0].0, ids[2].0)).json();
    assert_eq!(comparison["kind"], "comparison");
    let series = &comparison["series"][0];
    assert_eq!((series["goal"].as_str(), series["verdict"].as_str()), (Some("lower"), Some("worse")));
    assert_eq!(get(site.at(), "/api/v1/compare?old=@last").status, 400);
    assert_eq!(get(site.at(), "/api/v1/compare?old=nosuchrun&new=@last").status, 404);
}

#[test]
fn a_trend_has_its_points_with_remarks() {
    let site = Site::new();
    let ids = site.runs("quick", 12);
    site.store().annotate(&ids[3], "a new kernel").unwrap();
    let names = get(site.at(), "/api/v1/series?q=triad").json();
    assert_eq!(names["total"], 4);
    let trend = get(site.at(), "/api/v1/trend?series=quick/triad.time%7Bthreads%3D1%7D").json();
    let series = &trend["series"][0];
    assert_eq!(series["runs"].as_array().unwrap().len(), 12);
    assert_eq!(series["goal"], "lower");
    assert_eq!(series["annotations"][0]["text"], "a new kernel");
    assert_eq!(series["annotations"][0]["run"], ids[3].0);
    assert_eq!(
        get(site.at(), "/api/v1/trend?series=quick/triad.*&last=2").json()["series"][0]["runs"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(get(site.at(), "/api/v1/trend?series=nothing/of.it").code(), "unknown_series");
    assert_eq!(get(site.at(), "/api/v1/trend").status, 400);
}

#[test]
fn an_alert_is_acknowledged_silenced_and_resolved() {
    let site = Site::new();
    let ids = site.runs("quick", 1);
    let id = site.alert("quick", &ids[0], "time < 1 s");
    let list = get(site.at(), "/api/v1/alerts").json();
    assert_eq!((list["total"].as_u64(), list["counts"]["firing"].as_u64()), (Some(1), Some(1)));
    let act = |deed: &str, body: &str| change(site.at(), "POST", &format!("/api/v1/alerts/{id}/{deed}"), body);
    let known = act("acknowledge", r#"{"who":"ann","why":"a new disk"}"#).json();
    assert_eq!(known["state"], "acknowledged");
    let step = known["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((step["who"].as_str(), step["why"].as_str()), (Some("ann"), Some("a new disk")));
    let quiet = act("silence", r#"{"who":"ann","why":"","seconds":3600}"#).json();
    assert_eq!(quiet["state"], "silenced");
    assert!(quiet["until"].as_str().unwrap() > quiet["updated"].as_str().unwrap());
    assert_eq!(act("label", r#"{"who":"ann","label":"false"}"#).json()["label"], "false");
    assert_eq!(act("resolve", r#"{"who":"ann"}"#).json()["state"], "resolved");
    assert_eq!(act("acknowledge", r#"{"who":"ann"}"#).status, 409, "it is over");
    assert_eq!(get(site.at(), "/api/v1/alerts").json()["total"], 0);
    assert_eq!(get(site.at(), "/api/v1/alerts?state=all").json()["total"], 1);
    for (deed, body, status) in [
        ("acknowledge", r#"{"why":"nobody"}"#, 400),
        ("acknowledge", r#"{"who":"  "}"#, 400),
        ("silence", r#"{"who":"ann","seconds":1}"#, 400),
        ("silence", r#"{"who":"ann","seconds":"long"}"#, 400),
        ("label", r#"{"who":"ann","label":"maybe"}"#, 400),
        ("resolve", r#"{"who":"ann","extra":1}"#, 400),
        ("resolve", "not json", 400),
        ("delete", r#"{"who":"ann"}"#, 404),
    ] {
        assert_eq!(act(deed, body).status, status, "{deed} {body}");
    }
}

#[test]
fn a_run_is_remarked_removed_and_brought_back() {
    let site = Site::new();
    let ids = site.runs("quick", 2);
    let path = format!("/api/v1/runs/{}", ids[0].0);
    let made = change(site.at(), "POST", &format!("{path}/annotations"), r#"{"text":"before the upgrade"}"#);
    assert_eq!((made.status, made.json()["text"].as_str()), (201, Some("before the upgrade")));
    assert_eq!(get(site.at(), &format!("{path}/annotations")).json()["items"].as_array().unwrap().len(), 1);
    for bad in [r#"{"text":""}"#.to_owned(), format!(r#"{{"text":"{}"}}"#, "x".repeat(2001))] {
        assert_eq!(change(site.at(), "POST", &format!("{path}/annotations"), &bad).status, 400);
    }
    let file = site.folder.path().join("run.json");
    site.store().export(&ids[0], &file).unwrap();
    assert_eq!(change(site.at(), "DELETE", &path, "").status, 204);
    assert_eq!(get(site.at(), &path).status, 404);
    let text = std::fs::read_to_string(&file).unwrap();
    let back = change(site.at(), "POST", "/api/v1/runs", &text);
    assert_eq!((back.status, back.json()["imported"][0]["new"].as_bool()), (201, Some(true)));
    assert_eq!(change(site.at(), "POST", "/api/v1/runs", &text).status, 200, "the same again");
    assert_eq!(get(site.at(), &path).status, 200);
    assert_eq!(change(site.at(), "POST", "/api/v1/runs", "gibberish").status, 400);
    assert_eq!(change(site.at(), "DELETE", "/api/v1/runs/@last", "").status, 400, "by its id alone");
}

#[test]
fn a_running_run_is_not_removed() {
    let site = Site::new();
    let events = run(&header("quick", 1), 1.0);
    site.store().apply(&events[..10]).unwrap();
    assert_eq!(change(site.at(), "DELETE", &format!("/api/v1/runs/{}", events[0].run.0), "").status, 409);
}

#[test]
fn what_the_client_has_is_not_sent_again_and_long_answers_are_compressed() {
    let site = Site::new();
    site.runs("quick", 3);
    let first = get(site.at(), "/api/v1/runs");
    let tag = first.header("etag").unwrap().to_owned();
    let again = request(site.at(), "GET", "/api/v1/runs", &[("If-None-Match", &tag)], "");
    assert_eq!((again.status, again.body.len()), (304, 0));
    let packed = request(site.at(), "GET", "/api/v1/runs", &[("Accept-Encoding", "gzip")], "");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.body.as_slice()), &mut plain).unwrap();
    assert_eq!(plain, first.body);
    site.runs("other", 1);
    let changed = request(site.at(), "GET", "/api/v1/runs", &[("If-None-Match", &tag)], "");
    assert_eq!(changed.status, 200);
}

#[test]
fn pages_are_one_document_and_assets_are_tagged() {
    let site = Site::new();
    for page in
        ["/", "/runs", "/runs/01abc", "/compare", "/trends", "/alerts", "/advice", "/scenarios", "/machine", "/now"]
    {
        let answer = get(site.at(), page);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")), "{page}");
        assert!(answer.text().contains("<title>"), "{page}");
    }
    assert_eq!(get(site.at(), "/nothing").status, 404);
    let page = get(site.at(), "/assets/index.html");
    let tag = page.header("etag").unwrap().to_owned();
    assert_eq!(request(site.at(), "GET", "/assets/index.html", &[("If-None-Match", &tag)], "").status, 304);
}

#[test]
fn prometheus_reads_results_and_alerts() {
    let site = Site::new();
    let ids = site.runs("quick", 2);
    site.alert("quick", &ids[1], "time < 1 s");
    let answer = get(site.at(), "/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    assert!(text.contains("engine_runs 2\n") && text.contains("engine_alerts{state=\"firing\"} 1\n"), "{text}");
    let line = text.lines().find(|line| line.contains("label_threads=\"8\"")).unwrap();
    assert!(line.starts_with("engine_result{scenario=\"quick\",step=\"triad\",metric=\"time\",unit=\"s\""), "{line}");
    let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((value - 13.025 / 4.0).abs() < 1e-9, "{line}");
    // Every line is a comment or `name{labels} number`.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.rsplit_once(' ').is_some_and(|(_, number)| number.parse::<f64>().is_ok()), "{line}");
    }
}

#[test]
fn hostile_names_are_data() {
    let site = Site::new();
    let mut header = header("quick", 1);
    header.tags.insert("__proto__".to_owned(), HOSTILE.to_owned());
    header.tags.insert("long".to_owned(), "x".repeat(10_000));
    header.code.branch = engine_core::fact::Fact::Known(HOSTILE.to_owned());
    header.plan.title = HOSTILE.to_owned();
    header.plan.steps[0].labels =
        engine_core::series::Labels::new().with("threads", HOSTILE).with("__proto__", "1\"} 1\nx 2");
    site.store().apply(&run(&header, 1.0)).unwrap();
    for path in
        ["/api/v1/runs", "/api/v1/runs/@last", "/api/v1/runs/@last/timeline", "/api/v1/runs/@last/curves", "/metrics"]
    {
        let answer = get(site.at(), path);
        assert_eq!(answer.status, 200, "{path}");
        let text = answer.text();
        assert!(!text.contains('\u{1b}'), "{path}: escape sequences");
        assert!(!path.ends_with("/runs") || !text.contains('\u{202e}'), "{path}: marks that turn letters round");
        assert!(!answer.header("content-type").unwrap().contains("html"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    for line in get(site.at(), "/metrics").text().lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("engine_"), "a name became a line: {line}");
    }
}

#[test]
fn the_token_becomes_a_cookie_that_changes_things() {
    let site = Site::new();
    let own = format!("http://127.0.0.1:{}", site.at().port());
    let json = ("Content-Type", "application/json");
    let session = get(site.at(), "/api/v1/session").json();
    assert_eq!(
        (session["authenticated"].as_bool(), session["token_required_for_reading"].as_bool()),
        (Some(false), Some(false))
    );
    let wrong = request(site.at(), "POST", "/api/v1/session", &[json, ("Origin", &own)], r#"{"token":"guess"}"#);
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    let body = format!(r#"{{"token":"{TOKEN}"}}"#);
    let right = request(site.at(), "POST", "/api/v1/session", &[json, ("Origin", &own)], &body);
    assert_eq!(right.json()["may_change"], true);
    let cookie = right.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(TOKEN), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let ids = site.runs("quick", 1);
    let path = format!("/api/v1/runs/{}/annotations", ids[0].0);
    let with = |headers: &[(&str, &str)]| request(site.at(), "POST", &path, headers, r#"{"text":"x"}"#).status;
    assert_eq!(with(&[json, ("Origin", &own), ("Cookie", cookie), ("X-Engine", "1")]), 201);
    assert_eq!(with(&[json, ("Origin", &own), ("Cookie", cookie)]), 403, "forms cannot send the header");
    assert_eq!(with(&[json, ("Cookie", cookie), ("X-Engine", "1")]), 403, "no origin");
    assert_eq!(with(&[json, ("Origin", &own), ("X-Engine", "1")]), 401, "no token");
}

#[test]
fn a_server_that_is_not_open_reads_only_with_the_token() {
    let site = Site::with(|settings| settings.open = false);
    for path in ["/api/v1/runs", "/metrics", "/api/v1/openapi.json"] {
        assert_eq!(get(site.at(), path).status, 401, "{path}");
        assert_eq!(change(site.at(), "GET", path, "").status, 200, "{path}");
    }
    assert_eq!(get(site.at(), "/").status, 200, "the page itself holds nothing");
}

#[test]
fn a_note_stands_where_it_was_made() {
    let site = Site::new();
    site.runs("quick", 1);
    let timeline = get(site.at(), "/api/v1/runs/@last/timeline").json();
    let notes: Vec<_> = timeline["marks"].as_array().unwrap().iter().filter(|mark| mark["kind"] == "note").collect();
    assert_eq!((notes.len(), &notes[0]["at"]), (1, &11.0.into()), "{notes:?}");
    let detail = get(site.at(), "/api/v1/runs/@last").json();
    assert_eq!(detail["report"]["notes"][0]["at_seconds"], 11.0);
}

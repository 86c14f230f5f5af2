//! What runs when nobody watches, as the page shows it and changes it.

use crate::client::{change, get, request};
use crate::fixture::Site;

#[test]
fn schedules_are_listed_with_what_comes_and_what_came() {
    let site = Site::new();
    let empty = get(site.at(), "/api/v1/schedules").json();
    assert_eq!((empty["items"].as_array().unwrap().len(), &empty["followed"]), (0, &true.into()));
    assert_eq!((&empty["may_run"], &empty["why_not"]), (&false.into(), &"not here".into()));
    site.schedule("nightly", "0 2 * * *");
    site.schedule("broken", "never");
    let all = get(site.at(), "/api/v1/schedules").json();
    let [broken, nightly] = all["items"].as_array().unwrap().as_slice() else { panic!("{all}") };
    assert_eq!((&broken["name"], &nightly["name"]), (&"broken".into(), &"nightly".into()), "by name");
    assert_eq!(broken["error"], "`never` is no pattern of cron");
    assert!(broken["next"].as_array().unwrap().is_empty());
    assert!(nightly["error"].is_null());
    let next: Vec<&str> =
        nightly["next"].as_array().unwrap().iter().map(|one| one["local"].as_str().unwrap()).collect();
    assert_eq!(next, ["hour 1", "hour 2", "hour 3"]);
    assert_eq!((&nightly["last"]["ending"], &nightly["busy_ratio"]), (&"skipped".into(), &0.5.into()));
    let reason = nightly["last"]["reason"].as_str().unwrap();
    assert!(!reason.contains(['\u{1b}', '\u{202e}']) && reason.contains("<img"), "text, and only text: {reason}");
    let past = get(site.at(), "/api/v1/occurrences?schedule=nightly&limit=1").json();
    assert_eq!((&past["total"], &past["items"][0]["ending"]), (&2.into(), &"skipped".into()), "the newest first");
    let next = past["next"].as_str().unwrap();
    let rest = get(site.at(), &format!("/api/v1/occurrences?schedule=nightly&limit=1&cursor={next}")).json();
    assert_eq!((&rest["items"][0]["ending"], &rest["next"]), (&"ran".into(), &serde_json::Value::Null));
    assert_eq!(get(site.at(), "/api/v1/occurrences").json()["total"], 4);
    assert_eq!(get(site.at(), "/api/v1/occurrences?schedule=none").json()["total"], 0);
}

#[test]
fn a_schedule_is_switched_off_and_on_by_who_has_the_token() {
    let site = Site::new();
    site.schedule("nightly", "0 2 * * *");
    let path = "/api/v1/schedules/nightly/switch";
    let json = [("Content-Type", "application/json")];
    assert_eq!(request(site.at(), "POST", path, &json, r#"{"enabled":false}"#).status, 401, "no token");
    assert!(site.store().schedule("nightly").unwrap().schedule.enabled);
    let off = change(site.at(), "POST", path, r#"{"enabled":false}"#);
    assert_eq!((off.status, &off.json()["enabled"]), (200, &false.into()));
    assert!(off.json()["next"].as_array().unwrap().is_empty(), "what is off does not come");
    assert!(!site.store().schedule("nightly").unwrap().schedule.enabled);
    let on = change(site.at(), "POST", path, r#"{"enabled":true}"#).json();
    assert_eq!(on["next"].as_array().unwrap().len(), 3);
    let followed = site.store().schedule("nightly").unwrap();
    assert!(followed.schedule.enabled && followed.mark.due.0 > 1_760_000_000_000_000, "followed from now on");
    for (name, body, status) in [
        ("nobody", r#"{"enabled":true}"#, 404),
        ("a%2Fb", r#"{"enabled":true}"#, 404),
        ("nightly", r#"{"enabled":1}"#, 400),
        ("nightly", "{}", 400),
        ("nightly", r#"{"enabled":true,"x":1}"#, 400),
    ] {
        let answer = change(site.at(), "POST", &format!("/api/v1/schedules/{name}/switch"), body);
        assert_eq!(answer.status, status, "{name} {body}: {}", answer.text());
    }
}

#[test]
fn one_is_run_now_only_where_that_is_allowed() {
    let site = Site::new();
    site.schedule("nightly", "0 2 * * *");
    let run = |name: &str| change(site.at(), "POST", &format!("/api/v1/schedules/{name}/runs"), "{}");
    assert_eq!((run("nightly").status, run("nightly").code()), (403, "forbidden".to_owned()));
    assert_eq!((run("nobody").status, run("nobody").code()), (404, "unknown_schedule".to_owned()));
    let json = [("Content-Type", "application/json")];
    assert_eq!(request(site.at(), "POST", "/api/v1/schedules/nightly/runs", &json, "{}").status, 401);
}

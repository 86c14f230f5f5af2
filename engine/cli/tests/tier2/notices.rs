//! Notices to receivers that others wrote: a real SMTP conversation, a web hook that fails, and `kill -9` in between.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sandbox::{Sandbox, root};

/// A scenario that raises an alert of its own; fewer rounds are too few to judge.
const BAD: &str = "bench(\"p\", #{ rounds: 5, expect: [\"time < 1 ns\"] }, cpu::primes(#{ limit: 1000 }));";

/// A receiver; ended with the test.
struct Receiver {
    child: Child,
    port: u16,
    file: PathBuf,
}

impl Receiver {
    fn start(sandbox: &Sandbox, name: &str, arguments: &[&str]) -> Self {
        let python = std::env::var_os("ENGINE_SMTP_PYTHON")
            .expect("`ENGINE_SMTP_PYTHON` must name a Python that has PyPI's `aiosmtpd`; `.ci/run` does that");
        let file = sandbox.path(name);
        let script = root().join("engine/cli/tests/tier2/receivers.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(arguments[0])
            .arg(&file)
            .args(&arguments[1..])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap(), file }
    }

    fn got(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn taken(&self) -> Vec<Value> {
        self.got().into_iter().filter(|one| one["verdict"] == "taken").collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hook(sandbox: &Sandbox, receiver: &Receiver) {
    let text = format!(
        "[webhook]\nenabled = true\nurl = \"http://127.0.0.1:{}/${{env:HOOK_TOKEN}}\"\nsigning_key = \"${{file:{}}}\"\n\
         [webhook.only]\nrules = [\"expectation\"]\n",
        receiver.port,
        sandbox.file("key", "s1gning-s3cret\n").display()
    );
    sandbox.file("config/notify.toml", text);
}

/// Every file beneath a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

#[test]
fn mail_goes_by_starttls_with_a_password_and_plain_to_loopback_and_never_in_the_clear() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", BAD);
    let openssl = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(sandbox.path("key.pem"))
        .arg("-out")
        .arg(sandbox.path("cert.pem"))
        .output()
        .unwrap();
    assert!(openssl.status.success());
    let (certificate, key) = (sandbox.path("cert.pem"), sandbox.path("key.pem"));
    let starttls =
        ["smtp", "--starttls", certificate.to_str().unwrap(), key.to_str().unwrap(), "--auth", "engine", "p4ssw0rd-1"];
    let receiver = Receiver::start(&sandbox, "mail.jsonl", &starttls);
    let mail = |port: u16, security: &str, rest: &str| {
        let text = format!(
            "[email]\nenabled = true\nrecipients = [\"Ann <ann@example.org>\", \"bob@example.org\"]\n\
             sender = \"Engine <engine@example.org>\"\nhost = \"localhost\"\nport = {port}\nsecurity = \"{security}\"\n{rest}\
             [email.only]\nrules = [\"expectation\"]\n"
        );
        sandbox.file("config/notify.toml", text);
    };
    let rest =
        format!("user = \"engine\"\npassword = \"${{env:MAIL_PASSWORD}}\"\nca_file = \"{}\"\n", certificate.display());
    mail(receiver.port, "starttls", &rest);
    let run = |args: &[&str], password: &str| {
        let output = sandbox.command(args).env("MAIL_PASSWORD", password).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        assert!(!holds(&text, password), "a secret was shown");
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    };
    let (code, text) = run(&["alerts", "test", "email"], "wr0ng-passw0rd");
    assert!(code == 13 && text.contains("535"), "{code}: {text}");
    assert_eq!(run(&["alerts", "test", "email"], "p4ssw0rd-1").0, 0);
    let (code, text) = run(&["run", "s.rhai"], "p4ssw0rd-1");
    assert!(code == 10 && text.contains("sent 1 notice"), "{code}: {text}");
    let got = receiver.got();
    assert_eq!(got.len(), 2, "{got:?}");
    assert!(got.iter().all(|mail| mail["tls"] == true && mail["authenticated"] == true));
    assert_eq!(got[1]["to"], serde_json::json!(["ann@example.org", "bob@example.org"]));
    let data = got[1]["data"].as_str().unwrap();
    assert!(data.contains("Subject: [engine] alert: s: p: time < 1 ns") && data.contains("X-Engine-Key: "), "{data}");
    // Without the authority that signed the certificate nothing is sent, and nothing is lost.
    mail(receiver.port, "starttls", "");
    let (code, text) = run(&["alerts", "test", "email"], "p4ssw0rd-1");
    assert!(code == 13 && text.to_lowercase().contains("certificate"), "{code}: {text}");

    let plain = Receiver::start(&sandbox, "plain.jsonl", &["smtp"]);
    // A server without TLS, where TLS is asked for, gets nothing.
    mail(plain.port, "starttls", "");
    assert_eq!(run(&["alerts", "test", "email"], "p4ssw0rd-1").0, 13);
    assert_eq!(plain.got().len(), 0);
    mail(plain.port, "plain", "");
    assert_eq!(run(&["alerts", "test", "email"], "p4ssw0rd-1").0, 0);
    assert_eq!((plain.got().len(), &plain.got()[0]["tls"]), (1, &false.into()));
    // An unreachable server is said, and what is to be told waits.
    mail(1, "plain", "");
    sandbox.file("t.rhai", BAD);
    let (code, text) = run(&["run", "t.rhai"], "p4ssw0rd-1");
    assert!(code == 10 && text.contains("it is tried again"), "{code}: {text}");
    mail(plain.port, "plain", "");
    assert_eq!(run(&["alerts", "send", "--retry"], "p4ssw0rd-1").0, 0);
    assert_eq!(plain.got().len(), 2);
    for file in files(&sandbox.path("")) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!holds(&bytes, "p4ssw0rd-1"), "{} holds the password", file.display());
    }
}

#[test]
fn a_hook_that_fails_three_times_is_told_once_with_one_key_and_a_signature() {
    let sandbox = Sandbox::new();
    sandbox.file("s.rhai", BAD);
    let receiver = Receiver::start(&sandbox, "hook.jsonl", &["hook", "--fail", "3"]);
    hook(&sandbox, &receiver);
    let run = |args: &[&str]| {
        let log = sandbox.path("log.jsonl");
        let output = sandbox
            .command(args)
            .args(["--log", log.to_str().unwrap()])
            .env("HOOK_TOKEN", "t0ken-in-the-path")
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        assert!(!holds(&text, "t0ken-in-the-path") && !holds(&text, "s1gning-s3cret"));
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    };
    let (code, text) = run(&["run", "s.rhai"]);
    assert!(code == 10 && text.contains("webhook: the web hook answered 500"), "{code}: {text}");
    // By itself it would wait half a minute, then a minute, then two.
    for _ in 0..2 {
        assert_eq!(run(&["alerts", "send", "--retry"]).0, 13);
    }
    assert_eq!(run(&["alerts", "send", "--retry"]).0, 0);
    assert_eq!(run(&["alerts", "send", "--retry"]).0, 0, "and nothing is sent again");
    let got = receiver.got();
    assert_eq!(got.len(), 4);
    let header = |one: &Value, name: &str| {
        let headers = one["headers"].as_object().unwrap();
        let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.unwrap_or_else(|| panic!("{name} is not in {headers:?}")).1.as_str().unwrap().to_owned()
    };
    let keys: std::collections::BTreeSet<String> = got.iter().map(|one| header(one, "idempotency-key")).collect();
    assert_eq!(keys.len(), 1, "the same at every try");
    let last = receiver.taken().remove(0);
    assert_eq!(last["path"], "/t0ken-in-the-path");
    let signature = header(&last, "x-engine-signature");
    let (time, hex) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let body = last["body"].as_str().unwrap();
    let check =
        "import hashlib,hmac,sys; print(hmac.new(b's1gning-s3cret', sys.argv[1].encode(), hashlib.sha256).hexdigest())";
    let python = Command::new("python3").args(["-c", check, &format!("{time}.{body}")]).output().unwrap();
    assert_eq!(String::from_utf8(python.stdout).unwrap().trim(), hex);
    let notice: Value = serde_json::from_str(body).unwrap();
    assert_eq!(notice["notice"]["items"][0]["subject"], "p: time < 1 ns");
    assert!(notice["notice"]["items"][0]["look"][0].as_str().unwrap().starts_with("engine alerts show a"));
    let kept = sandbox.path("key");
    for file in files(&sandbox.path("")).into_iter().filter(|file| *file != kept && *file != receiver.file) {
        let bytes = std::fs::read(&file).unwrap();
        for secret in ["t0ken-in-the-path", "s1gning-s3cret"] {
            assert!(!holds(&bytes, secret), "{} holds {secret}", file.display());
        }
    }
}

#[test]
fn killed_between_storing_and_sending_each_alert_arrives_and_a_key_tells_what_came_twice() {
    let sandbox = Sandbox::new();
    // The first four are taken, and never answered: whoever sends is killed there.
    let receiver = Receiver::start(&sandbox, "hook.jsonl", &["hook", "--stall", "4"]);
    hook(&sandbox, &receiver);
    const RUNS: usize = 16;
    for run in 0..RUNS {
        sandbox.file(&format!("s{run}.rhai"), BAD);
        let mut child = Command::new(env!("CARGO_BIN_EXE_engine"));
        child
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", sandbox.path(""))
            .env("HOOK_TOKEN", "t0ken")
            .current_dir(sandbox.path(""))
            .args(["--quiet", "run", &format!("s{run}.rhai")])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = child.spawn().unwrap();
        let began = Instant::now();
        let before = receiver.got().len();
        let stalls = run < 4;
        loop {
            let arrived = receiver.got().len() > before;
            // Of the others some are killed early, some late, some after their end.
            let late = began.elapsed() > Duration::from_millis(150 * (run as u64 % 8) + 100);
            if (stalls && arrived) || (!stalls && late) || began.elapsed() > Duration::from_secs(60) {
                break;
            }
            if child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        child.wait().unwrap();
    }
    let send = sandbox.command(&["alerts", "send", "--retry"]).env("HOOK_TOKEN", "t0ken").output().unwrap();
    assert_eq!(send.status.code(), Some(0), "{}", String::from_utf8_lossy(&send.stderr));
    let alerts = sandbox.expect(0, &["alerts", "list", "--rule", "expectation", "--json"]).json();
    let alerts = alerts["alerts"].as_array().unwrap();
    let bodies: Vec<Value> =
        receiver.taken().iter().map(|one| serde_json::from_str(one["body"].as_str().unwrap()).unwrap()).collect();
    let mut keys: Vec<&str> = bodies.iter().map(|body| body["key"].as_str().unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    for alert in alerts {
        let of =
            |body: &&Value| body["notice"]["items"].as_array().unwrap().iter().any(|item| item["alert"] == alert["id"]);
        let mut own: Vec<&str> = bodies.iter().filter(of).map(|body| body["key"].as_str().unwrap()).collect();
        assert!(!own.is_empty(), "{alert} never arrived");
        own.sort_unstable();
        own.dedup();
        assert_eq!(own.len(), 1, "told twice under unlike keys: {alert}");
    }
    assert!(alerts.len() >= 4, "those that were killed while they sent had stored their alert");
    println!(
        "{} runs were killed, {} alerts stored, {} deliveries, {} keys",
        RUNS,
        alerts.len(),
        bodies.len(),
        keys.len()
    );
}

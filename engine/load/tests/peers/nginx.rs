//! nginx: HTTP/1.1 and HTTP/2, plain and encrypted, one journey over all of them.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use engine_load::http::{Body, Method, Origin, Request};
use engine_load::record::Kind;
use engine_load::spec::{HttpVersion, Load};
use engine_load::tls::{TlsOptions, TlsVersions};
use engine_load::{ErrorClass, Failure, Outcome, User};

use crate::common::{DRIVERS, iterations, load, run};
use crate::identity::Authority;

/// nginx with a folder, certificates and ports of its own; ends when dropped.
struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
    authority: Authority,
    ports: [u16; 4],
}

const PLAIN: usize = 0;
const TLS: usize = 1;
const TLS_TWO: usize = 2;
const TWO: usize = 3;

impl Nginx {
    fn start() -> Self {
        // Another process may take a port between its choice and its use.
        for _ in 0..5 {
            if let Some(nginx) = Self::try_start() {
                return nginx;
            }
        }
        panic!("nginx does not start; `.ci/run` installs it");
    }

    fn try_start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::new();
        let identity = authority.vouch(&["localhost"], 2999);
        let root = folder.path();
        let write = |name: &str, bytes: &[u8]| std::fs::write(root.join(name), bytes).expect("written");
        std::fs::create_dir_all(root.join("www/up")).expect("made");
        write("certificate.pem", identity.pem.as_bytes());
        write("key.pem", identity.key.serialize_pem().as_bytes());
        write("www/small", b"hello");
        write("www/big", &big());
        write("www/included", b"said <!--#echo var=\"uri\" --> in pieces");
        let listeners: Vec<_> = (0..4).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
        let ports: Vec<u16> = listeners.iter().map(|one| one.local_addr().expect("bound").port()).collect();
        drop(listeners);
        let ports: [u16; 4] = ports.try_into().expect("four");
        write("nginx.conf", configuration(root, ports).as_bytes());
        let child = Command::new("nginx")
            .args(["-p", root.to_str()?, "-c", root.join("nginx.conf").to_str()?, "-e", root.join("error").to_str()?])
            .env("PATH", "/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx must be installed; `.ci/run` does that");
        let mut nginx = Self { child, folder, authority, ports };
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(120) {
            if nginx.child.try_wait().expect("our child").is_some() {
                return None;
            }
            if ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()) {
                return Some(nginx);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    fn origin(&self, which: usize) -> Origin {
        Origin { secure: matches!(which, TLS | TLS_TWO), host: "localhost".into(), port: self.ports[which] }
    }

    /// The lines of its log, each split into words; what is asked for has been logged by then.
    fn log(&self, lines: usize) -> Vec<Vec<String>> {
        let began = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.folder.path().join("access")).unwrap_or_default();
            let all: Vec<Vec<String>> = text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect();
            if all.len() >= lines || began.elapsed() > Duration::from_secs(120) {
                return all;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn big() -> Vec<u8> {
    (0..5_000_000_u32).map(|at| (at % 249) as u8).collect()
}

fn configuration(root: &Path, [plain, tls, tls_two, two]: [u16; 4]) -> String {
    let root = root.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {root}/{name};\n"))
        .concat();
    format!(
        r#"
daemon off;
master_process off;
pid {root}/pid;
error_log {root}/error;
events {{ worker_connections 512; }}
http {{
    log_format words '$server_port $ssl_session_reused $ssl_protocol $server_protocol $status $connection $ssl_server_name $uri $request_length';
    access_log {root}/access words;
    {temporary}
    ssl_certificate {root}/certificate.pem;
    ssl_certificate_key {root}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:sessions:1m;
    client_max_body_size 20m;
    http2_max_concurrent_streams 8;
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{tls} ssl;
        listen 127.0.0.1:{tls_two} ssl http2;
        listen 127.0.0.1:{two} http2;
        root {root}/www;
        location /up/ {{ dav_methods PUT DELETE; }}
        location /included {{ ssi on; ssi_types *; add_trailer X-After yes; }}
        location /none {{ return 204; }}
        location /moved {{ return 302 /small; }}
        location /teapot {{ return 418 "short and stout"; }}
        location /close {{ keepalive_timeout 0; return 200 "bye"; }}
    }}
}}
"#
    )
}

/// Everything that a client should get right, whatever carries it.
fn everything(user: &User) -> Result<(), Failure> {
    let response = user.get("/small")?;
    assert_eq!((response.status, &*response.text(), response.size), (200, "hello", 5));
    let etag = response.headers.get("etag").expect("nginx gives one").into_owned();
    let unchanged = user.request(&Request::get("/small").header("If-None-Match", etag))?;
    assert_eq!((unchanged.status, unchanged.size), (304, 0));
    let part = user.request(&Request::get("/small").header("Range", "bytes=1-3"))?;
    assert_eq!((part.status, &*part.text()), (206, "ell"));
    let head = user.request(&Request::new(Method::Head, "/big"))?;
    assert_eq!((head.status, head.size, head.headers.get("content-length").as_deref()), (200, 0, Some("5000000")));
    assert_eq!(user.get("/none")?.status, 204);
    assert!(user.get("/big")?.body == big());
    let included = user.get("/included")?;
    assert_eq!(included.text(), "said /included in pieces");
    assert_eq!(included.headers.get("content-length"), None, "it comes in pieces");
    assert_eq!(included.trailers.get("x-after").as_deref(), Some("yes"));
    let moved = user.get("/moved")?;
    assert_eq!((moved.status, &*moved.text()), (200, "hello"));
    let teapot = user.get("/teapot")?;
    assert_eq!((teapot.error, &*teapot.text()), (Some(ErrorClass::Status(418)), "short and stout"));
    let path = format!("/up/{}-{}", user.number(), user.iteration());
    let big = big();
    for body in [Body::Bytes(big.clone()), Body::Chunked(big.clone(), 70_000)] {
        let put = Request { body, ..Request::new(Method::Put, path.clone()) };
        assert!(matches!(user.request(&put)?.status, 201 | 204));
        assert!(user.get(&path)?.body == big);
    }
    assert_eq!(user.delete(&path)?.status, 204);
    assert_eq!(user.request(&Request::get(path).expecting(vec![404]))?.status, 404);
    assert_eq!(user.get("/close")?.text(), "bye");
    let all = (0..20).map(|_| user.prepare(&Request::get("/small"))).collect::<Result<Vec<_>, _>>()?;
    for answer in user.get_all(all) {
        assert_eq!(answer?.text(), "hello");
    }
    Ok(())
}

#[test]
fn one_journey_over_everything() {
    let nginx = Nginx::start();
    let versions = |versions| TlsOptions { versions, ..nginx.authority.trusted() };
    for (which, http, tls, spoken) in [
        (PLAIN, HttpVersion::One, TlsOptions::default(), ["", "HTTP/1.1"]),
        (TLS, HttpVersion::One, versions(TlsVersions::Only12), ["TLSv1.2", "HTTP/1.1"]),
        (TLS, HttpVersion::Auto, versions(TlsVersions::All), ["TLSv1.3", "HTTP/1.1"]),
        (TLS_TWO, HttpVersion::One, versions(TlsVersions::Only13), ["TLSv1.3", "HTTP/1.1"]),
        (TLS_TWO, HttpVersion::Auto, versions(TlsVersions::Only12), ["TLSv1.2", "HTTP/2.0"]),
        (TLS_TWO, HttpVersion::Two, versions(TlsVersions::All), ["TLSv1.3", "HTTP/2.0"]),
        (TWO, HttpVersion::Two, TlsOptions::default(), ["", "HTTP/2.0"]),
    ] {
        for driver in DRIVERS {
            let before = nginx.log(0).len();
            let load = load(iterations(2, 2), nginx.origin(which), || everything);
            let outcome = run(Load { driver, http, tls: tls.clone(), ..load });
            let iterations = outcome.totals.sum(|label| label.kind == Kind::Iteration);
            assert_eq!(iterations.ok, 4, "{spoken:?}: {:?} {:?}", iterations.errors, outcome.requests().errors);
            let started = outcome.requests().started as usize;
            let log = nginx.log(before + started);
            assert_eq!(log.len() - before, started, "each request is one to nginx, and one to us");
            for line in &log[before..] {
                let secure = !spoken[0].is_empty();
                assert_eq!([&*line[2], &*line[3]], [if secure { spoken[0] } else { "-" }, spoken[1]], "{line:?}");
                // The host's name goes out where there is a certificate to choose.
                assert_eq!(line[6], if secure { "localhost" } else { "-" });
            }
        }
    }
}

/// `count` requests of one user, each on a connection of its own.
fn one_by_one(nginx: &Nginx, versions: TlsVersions, count: u64) -> Outcome {
    let load = load(iterations(1, count), nginx.origin(TLS), || |user: &User| user.get("/close").map(drop));
    run(Load { tls: TlsOptions { versions, ..nginx.authority.trusted() }, ..load })
}

#[test]
fn sessions_are_resumed_as_nginx_counts_them() {
    for (versions, word) in [(TlsVersions::Only12, "TLSv1.2"), (TlsVersions::Only13, "TLSv1.3")] {
        let nginx = Nginx::start();
        let row = one_by_one(&nginx, versions, 50).requests();
        assert_eq!((row.ok, row.connections), (50, 50), "{:?}", row.errors);
        let log = nginx.log(50);
        let resumed = log.iter().filter(|line| line[1] == "r").count();
        assert_eq!((log.len(), resumed), (50, 49), "all but the first");
        assert!(log.iter().all(|line| line[2] == word));
        assert_eq!(row.tls.map(|tls| tls.count()), Some(50));
    }
}

#[test]
fn requests_at_once_share_a_connection_of_http_2_only() {
    let nginx = Nginx::start();
    for (http, want) in [(HttpVersion::Auto, 1), (HttpVersion::One, 6)] {
        let before = nginx.log(0).len();
        let load = load(iterations(1, 1), nginx.origin(TLS_TWO), || {
            |user: &User| {
                let all = (0..40).map(|_| user.prepare(&Request::get("/small"))).collect::<Result<Vec<_>, _>>()?;
                assert!(user.get_all(all).iter().all(Result::is_ok));
                Ok(())
            }
        });
        let row = run(Load { http, tls: nginx.authority.trusted(), ..load }).requests();
        assert_eq!((row.ok, row.connections), (40, want), "{:?}", row.errors);
        let log = nginx.log(before + 40);
        let connections: std::collections::BTreeSet<_> = log[before..].iter().map(|line| &line[5]).collect();
        assert_eq!((log.len() - before, connections.len() as u64), (40, want));
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let nginx = Nginx::start();
    for (tls, host, class) in [
        (TlsOptions::default(), "localhost", Some(ErrorClass::Certificate)),
        (nginx.authority.trusted(), "127.0.0.1", Some(ErrorClass::Certificate)),
        (TlsOptions { insecure: true, ..TlsOptions::default() }, "127.0.0.1", None),
    ] {
        let origin = Origin { host: host.into(), ..nginx.origin(TLS) };
        let load = load(iterations(2, 2), origin, || |user: &User| user.get("/small").map(drop));
        let row = run(Load { tls, ..load }).requests();
        assert_eq!(row.errors.first().map(|error| error.class), class, "{:?}", row.errors);
        assert_eq!(row.ok, if class.is_some() { 0 } else { 4 });
    }
}

//! PyPI's `websockets`, whose server is told by what it receives what to do. `.ci/run` installs it into a Python of its
//! own, which `ENGINE_WEBSOCKETS_PYTHON` names.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use engine_load::http::Origin;
use engine_load::record::Kind;
use engine_load::spec::Load;
use engine_load::user::WebSocketOptions;
use engine_load::websocket::Message;
use engine_load::{ErrorClass, User};

use crate::common::{DRIVERS, iterations, load, run};
use crate::identity::Authority;

const SERVER: &str = r#"
import asyncio, ssl, sys
import websockets
from websockets.asyncio.server import serve

async def handler(socket):
    async for message in socket:
        if message == "parts":
            await socket.send(["one ", "message ", "in parts"])
        elif message == "ping":
            pong = await socket.ping()
            await socket.send(f"pong after {await pong >= 0}")
        elif message == "close":
            await socket.close(4000, "as you wish")
        elif message == "abort":
            socket.transport.abort()
        elif message == "many":
            for number in range(200):
                await socket.send(str(number))
        else:
            await socket.send(message)

async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    options = dict(max_size=8_000_000, subprotocols=["chat"], compression="deflate")
    async with serve(handler, "127.0.0.1", 0, **options) as plain:
        async with serve(handler, "127.0.0.1", 0, ssl=context, **options) as secure:
            ports = [server.sockets[0].getsockname()[1] for server in (plain, secure)]
            print(*ports, flush=True)
            await asyncio.get_running_loop().create_future()

asyncio.run(main())
"#;

struct Python(Child);

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const SECOND: u64 = 1_000_000_000;

fn journey(user: &User, address: &str) -> Result<(), engine_load::Failure> {
    let options = WebSocketOptions { protocols: vec!["other".into(), "chat".into()], ..WebSocketOptions::default() };
    let socket = user.websocket(address, &WebSocketOptions { name: "chat".into(), ..options.clone() })?;
    assert_eq!(socket.protocol(), Some("chat"));
    let receive = || socket.receive(60 * SECOND);
    socket.send_text("grüße")?;
    assert_eq!(receive()?, Message::Text("grüße".into()));
    for size in [0, 125, 126, 65_535, 65_536, 5_000_000] {
        let bytes: Vec<u8> = (0..size as u32).map(|at| (at % 241) as u8).collect();
        socket.send_binary(&bytes)?;
        assert!(receive()? == Message::Binary(bytes));
    }
    socket.send_text("parts")?;
    assert_eq!(receive()?, Message::Text("one message in parts".into()));
    // The server waits for our pong before it answers.
    socket.send_text("ping")?;
    assert_eq!(receive()?, Message::Text("pong after True".into()));
    socket.ping(60 * SECOND)?;
    socket.send_text("many")?;
    for number in 0..200 {
        assert_eq!(receive()?, Message::Text(number.to_string()));
    }
    socket.send_text("close")?;
    assert_eq!(receive()?, Message::Close(Some((4000, "as you wish".into()))));
    drop(socket);
    let socket = user.websocket(address, &options)?;
    socket.send_text("abort")?;
    let class = socket.receive(60 * SECOND).expect_err("the connection was cut").class;
    assert!(matches!(class, ErrorClass::Reset | ErrorClass::Closed | ErrorClass::Tls), "{class:?}");
    drop(socket);
    user.websocket(address, &options)?.close(1000, "done")
}

#[test]
fn conversations_with_pythons_server() {
    let Some(python) = std::env::var_os("ENGINE_WEBSOCKETS_PYTHON") else {
        panic!("`ENGINE_WEBSOCKETS_PYTHON` must name a Python that has PyPI's `websockets`; `.ci/run` does that");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let identity = authority.vouch(&["127.0.0.1"], 2999);
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
        folder.path().join(name)
    };
    let (certificate, key) = (write("c.pem", &identity.pem), write("k.pem", &identity.key.serialize_pem()));
    let script = write("server.py", SERVER);
    let child =
        Command::new(python).args([&script, &certificate, &key]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut python = Python(child.expect("a Python"));
    let mut line = String::new();
    let out = python.0.stdout.take().expect("piped");
    BufReader::new(out).read_line(&mut line).expect("the ports");
    let ports: Vec<u16> = line.split_whitespace().map(|word| word.parse().expect("a port")).collect();
    for (secure, port) in [(false, ports[0]), (true, ports[1])] {
        let address = format!("{}://127.0.0.1:{port}/room", if secure { "wss" } else { "ws" });
        for driver in DRIVERS {
            let address = address.clone();
            let origin = Origin { secure, host: "127.0.0.1".into(), port };
            let load = load(iterations(4, 2), origin, move || {
                let address = address.clone();
                move |user: &User| journey(user, &address)
            });
            let outcome = run(Load { driver, tls: authority.trusted(), ..load });
            let iterations = outcome.totals.sum(|label| label.kind == Kind::Iteration);
            assert_eq!(iterations.ok, 8, "{:?} {:?}", iterations.errors, outcome.requests().errors);
            assert_eq!(outcome.endpoint("chat").ok, 8);
            // A text, six of bytes, parts, ping twice, the first of many, the close.
            assert_eq!(outcome.endpoint("chat message").ok, 8 * 12, "{:?}", outcome.requests().errors);
        }
    }
}

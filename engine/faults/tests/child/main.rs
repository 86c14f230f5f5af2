//! Stands in for the engine in tests: the same hidden subcommand, and owners that tests kill in the middle of things.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is how it talks to the tests")]

mod owner;

use std::io::{Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["__faults", role] => engine_faults::child::main(role).map_err(|error| error.to_string()),
        ["owner", folder, scratch, longest] => owner::main(folder.as_ref(), scratch.as_ref(), longest),
        ["serve"] => serve(),
        ["hungry", step] => hungry(step),
        ["writer"] => writer(),
        other => Err(format!("what is {other:?}?")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A service: answers `200` on `$PORT` to whatever is asked.
fn serve() -> Result<(), String> {
    let port: u16 = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).ok_or("no port")?;
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    println!("listening on {port}");
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    }
    Ok(())
}

/// Takes memory in steps of so many bytes, up to 512 of them; says when it gets none, and goes on asking.
fn hungry(step: &str) -> Result<(), String> {
    let step: usize = step.parse().map_err(|_| "no step")?;
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut block = Vec::new();
        match block.try_reserve_exact(step) {
            Ok(()) => {
                block.resize(step, 1_u8);
                held.push(block);
                println!("have {}", held.len());
            }
            Err(_) => println!("refused at {}", held.len()),
        }
        held.truncate(512);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Appends to a file on its own disk, and says how it went.
fn writer() -> Result<(), String> {
    let folder = std::env::var("ENGINE_DISK").unwrap_or_else(|_| ".".to_owned());
    for _ in 0..20_000 {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(format!("{folder}/data"));
        match file.and_then(|mut file| file.write_all(&[7; 4096])) {
            Ok(()) => println!("written"),
            Err(error) => println!("not written: {error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Ok(())
}

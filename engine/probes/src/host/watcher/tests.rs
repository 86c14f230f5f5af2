use super::*;
use std::process::{Child, Command, Stdio};

/// A process with a child, both named `sh` or `sleep`, ended with the test.
struct Family(Child);

impl Drop for Family {
    fn drop(&mut self) {
        // The end of its input ends the shell, which ends the other.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn family() -> Family {
    let script = "sleep 600 & read line; kill $!";
    Family(Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap())
}

fn watch(process: Option<Watched>, counters: Option<String>) -> Watch {
    Watch { name: "shop".to_owned(), process, counters }
}

#[test]
fn a_process_and_its_child_are_watched_until_they_die() {
    let family = family();
    let pid = family.0.id();
    let (send, receive) = mpsc::channel();
    let what = vec![watch(Some(Watched::Pid(pid)), None)];
    let period = Duration::from_millis(10);
    let watcher = Watcher::start(what, period, Box::new(move |sample| drop(send.send(sample)))).unwrap();
    let both = receive.iter().find(|sample| sample.processes == 2).unwrap();
    println!("{both:#?}");
    assert_eq!((both.name.as_str(), both.threads), ("shop", Some(2)));
    assert!(both.at > 0.0 && both.seconds > 0.0 && both.cpu.is_some() && both.switches.is_some(), "{both:?}");
    assert!(both.rss > Some(100_000) && both.fds >= Some(4), "{both:?}");
    drop(family);
    let gone = receive.iter().find(|sample| sample.processes == 0).unwrap();
    assert_eq!(gone.values(), [None; 7]);
    assert!(gone.at > both.at);
    watcher.stop();
}

#[test]
fn the_engine_is_never_its_own_target() {
    let tree = Tree::new(Path::new("/"));
    let table = Table::read(&tree);
    let own = std::process::id();
    let name = table.processes[&own].name.clone();
    let families = table.families(&tree, &Watched::Name(name));
    assert!(families.iter().all(|family| !family.contains(&own)), "{families:?}");
}

#[test]
fn counters_come_with_the_samples_and_so_do_their_errors() {
    use std::io::{Read, Write};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let broken = Arc::new(AtomicBool::new(false));
    let breaks = Arc::clone(&broken);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 512]);
            let good = !breaks.load(Ordering::Relaxed);
            let answer = if good { format!("200 OK\r\n\r\nasked {number}\n") } else { "500 No\r\n\r\n".to_owned() };
            let _ = stream.write_all(format!("HTTP/1.1 {answer}").as_bytes());
        }
    });
    let (send, receive) = mpsc::channel();
    let what = vec![watch(None, Some(address))];
    let watcher =
        Watcher::start(what, Duration::from_millis(5), Box::new(move |sample| drop(send.send(sample)))).unwrap();
    // On a loaded machine some answers come too late, which is an error of that sample and no more.
    let with = |receive: &Receiver<ProcessSample>| receive.iter().find(|sample| !sample.counters.is_empty()).unwrap();
    let (first, second) = (with(&receive), with(&receive));
    assert_eq!((first.counters[0].name.as_str(), first.processes), ("asked", 0));
    assert!(first.counters[0].value < second.counters[0].value, "{first:?} {second:?}");
    broken.store(true, Ordering::Relaxed);
    let said = |sample: &ProcessSample| {
        sample.counters_error.as_ref().is_some_and(|error| error.ends_with("the answer was 500"))
    };
    assert!(receive.iter().any(|sample| said(&sample)));
    watcher.stop();
}

#[test]
fn it_does_not_wait_for_its_period_to_stop() {
    let watcher = Watcher::start(vec![watch(None, None)], Duration::from_secs(3600), Box::new(|_| {})).unwrap();
    watcher.stop();
}

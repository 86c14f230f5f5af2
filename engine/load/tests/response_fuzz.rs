//! The parser of answers on whatever a broken or hostile server may send: seeded mutations of a corpus of answers, one for
//! each way in which an answer can end or be wrong (`tests/corpus/response`).
//!
//! What must hold of any bytes: nothing panics; nothing is kept beyond the limit; and the answer does not depend on the
//! pieces in which it comes, nor on what came before on other connections.

use engine_core::stats::Stream;
use engine_load::Failure;
use engine_load::http::{HeadMemo, Keep, MAX_HEAD, Method, Progress, Receiver, Response};

/// Mutated answers that are tried.
const CASES: u64 = 20_000;

/// Bytes of a body that are allowed.
const MOST: u64 = 4096;

/// What became of an answer: it, whether its connection can go on, and how many bytes belonged to it.
type Taken = Result<(Response, bool, usize), Failure>;

/// Feeds bytes in pieces of sizes that `size` gives, then the end of the connection.
fn taken(method: &Method, bytes: &[u8], memo: &mut HeadMemo, mut size: impl FnMut() -> usize) -> Taken {
    let mut receiver = Receiver::new(method.clone(), Keep::All, MOST);
    let mut at = 0;
    while at < bytes.len() {
        let piece = &bytes[at..bytes.len().min(at + size().max(1))];
        match receiver.take(piece, memo)? {
            Progress::Done(used) => {
                assert!(used <= piece.len(), "more than there was");
                let reusable = receiver.reusable();
                return Ok((receiver.into_response(), reusable, at + used));
            }
            Progress::More => at += piece.len(),
        }
    }
    receiver.end()?;
    Ok((receiver.into_response(), false, at))
}

/// Changes some bytes: flips, cuts, doubles, or puts in what another answer has.
fn mutated(stream: &mut Stream, corpus: &[Vec<u8>]) -> Vec<u8> {
    let pick = |stream: &mut Stream, count: usize| stream.below(count.max(1) as u64) as usize;
    let mut bytes = corpus[pick(stream, corpus.len())].clone();
    for _ in 0..=stream.below(4) {
        let at = pick(stream, bytes.len());
        let end = bytes.len().min(at + 1 + pick(stream, 12));
        match stream.below(6) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << stream.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            3 => {
                let other = &corpus[pick(stream, corpus.len())];
                let from = pick(stream, other.len());
                bytes.splice(at.., other[from..].iter().copied());
            }
            4 => bytes.truncate(at),
            _ => {
                let words: [&[u8]; 8] = [
                    b"\r\n",
                    b"\n",
                    b"0",
                    b"-1",
                    b"chunked",
                    b"Content-Length: 7\r\n",
                    b"\0",
                    b"HTTP/1.1 200 OK\r\n\r\n",
                ];
                bytes.splice(at..at, words[pick(stream, words.len())].iter().copied());
            }
        }
    }
    bytes
}

fn corpus() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/response");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("the corpus").map(|entry| entry.expect("it").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file of the corpus")).collect()
}

fn check(stream: &mut Stream, bytes: &[u8], known: &mut HeadMemo) {
    let method = [Method::Get, Method::Get, Method::Head, Method::Post][stream.below(4) as usize].clone();
    let whole = taken(&method, bytes, &mut HeadMemo::default(), || usize::MAX);
    if let Ok((response, _, used)) = &whole {
        assert!(response.body.len() as u64 <= MOST && response.size <= MOST && *used <= bytes.len());
        assert!((100..1000).contains(&response.status), "status {} of {}", response.status, bytes.escape_ascii());
    }
    let drip = taken(&method, bytes, &mut HeadMemo::default(), || 1);
    let mut sizes = Stream::new(stream.next_u64(), &[]);
    let pieces = taken(&method, bytes, known, || 1 + sizes.below(40) as usize);
    for (how, other) in [("byte by byte", drip), ("in pieces, after others", pieces)] {
        match (&whole, &other) {
            (Ok(one), Ok(two)) => assert_eq!(one, two, "{how}: {}", bytes.escape_ascii()),
            // Which of several faults is met first depends on where it is noticed.
            (Err(_), Err(_)) => {}
            _ => panic!("{how}: {whole:?} and {other:?} of {}", bytes.escape_ascii()),
        }
    }
}

#[test]
fn the_corpus_is_read_as_it_should() {
    let good =
        corpus().iter().filter(|bytes| taken(&Method::Get, bytes, &mut HeadMemo::default(), || 3).is_ok()).count();
    assert_eq!((corpus().len(), good), (14, 10));
}

#[test]
fn mutated_answers_are_answers_or_errors_in_whatever_pieces_they_come() {
    let corpus = corpus();
    let mut known = HeadMemo::default();
    for case in 0..CASES {
        let mut stream = Stream::new(case, &[Stream::key_of("answers")]);
        let bytes = mutated(&mut stream, &corpus);
        check(&mut stream, &bytes, &mut known);
    }
}

#[test]
fn heads_at_the_limit_are_refused_in_whatever_pieces_they_come() {
    let mut stream = Stream::new(7, &[]);
    for size in [MAX_HEAD - 100, MAX_HEAD - 20, MAX_HEAD, MAX_HEAD + 20, 2 * MAX_HEAD] {
        let bytes = format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(size));
        check(&mut stream, bytes.as_bytes(), &mut HeadMemo::default());
    }
}

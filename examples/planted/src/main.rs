//! Small programs and services with one known fault each, and their repaired twins: `planted NAME faulty|fixed [..]`.
//!
//! What they print is a checksum, so that both variants are seen to do the same work. Services listen on 127.0.0.1 and end
//! by themselves after five minutes.

mod bandwidth_bound;
mod cache_stride;
mod debug_build;
mod false_sharing;
mod fsync_per_write;
mod http;
mod n_plus_one;
mod no_keep_alive;
mod one_mutex;
mod periodic_pause;
mod pool_of_one;
mod retry_storm;
mod sleep_under_lock;
mod small_buffers;
mod too_many_workers;
mod unbounded_allocation;
mod work;

const USAGE: &str = "usage: planted NAME faulty|fixed [SIZE|THREADS|PORT]";

/// The number at the end of the command line: a size, a count of threads, or a port.
fn number(text: &str) -> u64 {
    let (digits, unit) = text.split_once(' ').unwrap_or((text, ""));
    let scale = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => 1,
    };
    digits.parse::<u64>().unwrap_or_else(|_| panic!("`{text}` is no number; {USAGE}")) * scale
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, variant, rest @ ..] = words.as_slice() else { panic!("{USAGE}") };
    let faulty = match variant.as_str() {
        "faulty" => true,
        "fixed" => false,
        _ => panic!("{USAGE}"),
    };
    let given = rest.first().map_or(0, |text| number(text));
    let count = given.max(1) as usize;
    let port = given as u16;
    match name.as_str() {
        "bandwidth_bound" => bandwidth_bound::run(faulty, count),
        "cache_stride" => cache_stride::run(faulty, count),
        "debug_build" => debug_build::run(),
        "false_sharing" => false_sharing::run(faulty, count),
        "fsync_per_write" => fsync_per_write::run(faulty),
        "n_plus_one" => n_plus_one::serve(port),
        "no_keep_alive" => no_keep_alive::serve(faulty, port),
        "one_mutex" => one_mutex::run(faulty, count),
        "periodic_pause" => periodic_pause::serve(faulty, port),
        "pool_of_one" => pool_of_one::serve(faulty, port),
        "retry_storm" => retry_storm::serve(faulty, port),
        "sleep_under_lock" => sleep_under_lock::run(faulty, count),
        "small_buffers" => small_buffers::serve(faulty, port),
        "too_many_workers" => too_many_workers::run(count),
        "unbounded_allocation" => unbounded_allocation::run(faulty),
        _ => panic!("no planted fault `{name}`; {USAGE}"),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn sizes_are_read_as_scenarios_write_them() {
        assert_eq!((number("8"), number("256 KiB"), number("64 MiB")), (8, 256 << 10, 64 << 20));
    }
}

//! The demo target: a small shop over HTTP/1.1 that is slow, full, broken or frozen exactly as it is told to be, so that a
//! load has something to measure on a machine with nothing else, and the generator has a target whose truth is known.
//!
//! Requests of the shop hold one of `c` workers for a service time of the chosen distribution and wait for one in order of
//! arrival: with exponential times and Poisson arrivals an M/M/c queue.
//!
//! **How exact it is.** Starts and ends of sleeping service are computed from arrivals, not slept: a worker that is free at
//! `t` starts the next request at `t`, so late wake-ups delay single answers and never add up, and the capacity is `c`
//! over the mean service time. Answers are sent by a timer of nanoseconds that wakes early by what it has learnt wake-ups
//! to take and polls for the rest: late by some 5 us when a processor is free. On top of that comes what any server needs
//! to receive and answer a request (0.1 to 0.2 ms on a small virtual machine), before and after service.
//! CPU-bound service takes its time from a processor: `c` threads, each running for so much CPU time.
#![forbid(unsafe_code)]

mod catalogue;
mod counters;
mod cpu;
mod database;
mod filler;
mod freeze;
mod lock;
mod orders;
mod queue;
mod routes;
mod server;
mod shop;
mod timer;

pub use server::{Options, ServeError, run};

#[cfg(test)]
mod tests;

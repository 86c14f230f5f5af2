//! Virtual users, arrival processes, HTTP client and true latencies.

//! What measures this machine: one file a probe, and the facts about the host.

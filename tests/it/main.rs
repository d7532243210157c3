//! Scenario tests: the real service, real sockets, simulated phones.

mod store_away;
mod store_file;

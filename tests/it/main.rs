//! Scenario tests: the real service, real sockets, simulated phones.

//! Scenario tests: the real service, real sockets, simulated phones.

mod sim_faults;
mod sim_flows;
mod sim_server;

//! Scenario tests: the real service, real sockets, simulated phones.

mod listener_contact;
mod listener_http;
mod listener_limits;
mod listener_proxy;
mod listener_support;
mod listener_tls;

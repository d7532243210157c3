//! Scenario tests: the real service, real sockets, simulated phones.

mod api_access;
mod api_answers;
mod api_service;
mod api_status_command;
mod store_away;
mod store_file;

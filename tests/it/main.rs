//! Scenario tests: the real service, real sockets, simulated phones.

mod source_dir;
mod source_git;
mod source_git_web;

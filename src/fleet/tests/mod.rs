//! The decisions, tried on a phone of a few lines: no sockets, no clock.

mod calls;
mod flows;
mod hands_off;
mod not_applicable;
mod poll;
mod promise_one;
mod retries;
mod sessions;
mod stage;
mod states;
mod writes;

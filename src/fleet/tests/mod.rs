//! The decisions, tried on a phone of a few lines: no sockets, no clock.

mod calls;
mod fairness;
mod flows;
mod hands_off;
mod modes;
mod not_applicable;
mod poll;
mod promise_one;
mod retries;
mod sessions;
mod stage;
mod states;
mod windows;
mod writes;

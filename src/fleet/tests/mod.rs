//! The decisions, tried on a phone of a few lines: no sockets, no clock.

mod calls;
mod fairness;
mod flows;
mod ladder;
mod modes;
mod promise_one;
mod restart;
mod sessions;
mod stage;
mod states;
mod windows;
mod writes;

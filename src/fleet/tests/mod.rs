//! The decisions, tried on a phone of a few lines: no sockets, no clock.

mod calls;
mod flows;
mod promise_one;
mod resets;
mod secrets;
mod seeds;
mod sessions;
mod stage;
mod states;
mod writes;

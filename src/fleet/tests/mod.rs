//! The decisions, tried on a phone of a few lines: no sockets, no clock.

mod calls;
mod drift;
mod fairness;
mod flows;
mod forgotten;
mod hands_off;
mod history;
mod ignore;
mod ladder;
mod modes;
mod not_applicable;
mod poll;
mod promise_one;
mod refused_secrets;
mod resets;
mod restart;
mod retries;
mod secrets;
mod seeds;
mod sessions;
mod stage;
mod states;
mod sweep;
mod tug_of_war;
mod windows;
mod writes;

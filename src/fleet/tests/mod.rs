//! The decisions, tried on a phone of a few lines: no sockets, no clock.

mod flows;
mod sessions;
mod stage;

//! What holds for every message, and for every hostile body.

mod hostile;
mod round_trip;

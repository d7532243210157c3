//! Texts that go to the terminal, or to whoever reads it there.

use std::io::{self, Write};

use miette::{IntoDiagnostic, WrapErr};

use super::Exit;

/// Prints a text as it is; whoever has seen enough (`| head`) has not failed.
pub(super) fn put(text: &[u8]) -> miette::Result<Exit> {
    let mut out = io::stdout();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).into_diagnostic().wrap_err("the output cannot be written")
        }
        _ => Ok(Exit::Good),
    }
}

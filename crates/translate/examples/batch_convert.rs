//! Converts a file of chat requests, one a line, into requests for the Responses API.
//!
//!     cargo run -p chatmock-translate --example batch_convert < chat.jsonl > responses.jsonl
//!
//! A line that cannot be converted is reported with its number and left out.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it does")]

use std::error::Error;
use std::io::{self, BufRead, Write};

use chatmock_translate::{Catalog, Chat, Policy, Translator};

fn main() -> Result<(), Box<dyn Error>> {
    let translator = Translator::new(Catalog::builtin(), Policy::default());
    let mut out = io::stdout().lock();
    for (number, line) in (1..).zip(io::stdin().lock().lines()) {
        match translator.turn(Chat, line?.as_bytes(), 0) {
            Ok(turn) => {
                for request in turn.requests() {
                    out.write_all(request)?;
                    out.write_all(b"\n")?;
                }
            }
            Err(failure) => eprintln!("line {number}: {failure}"),
        }
    }
    Ok(())
}

//! Tests of the legacy completions dialect: prompts in, chunks and whole replies out.

mod replies;
mod requests;

//! Tests of the Responses dialect: what passes, what is repaired, what is made.

mod caps;
mod echoed;
mod kept;
mod repaired;
mod requests;
mod streams;

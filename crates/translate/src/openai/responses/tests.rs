//! Tests of the Responses dialect: what passes, what is repaired, what is made.

mod caps;
mod echoed;
mod kept;
mod options;
mod repaired;
mod requests;
mod shapes;
mod streams;

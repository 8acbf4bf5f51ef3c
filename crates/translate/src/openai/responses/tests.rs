//! Tests of the Responses dialect: what passes, what is mended, what is made.

mod caps;
mod echoed;
mod kept;
mod mended;
mod requests;
mod streams;

//! Tests of the Responses dialect: what passes, what is mended, what is made.

mod requests;
mod streams;

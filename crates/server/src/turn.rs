//! One turn, for every dialect: planned, sent, and answered as a stream or whole.

pub(crate) mod attempt;
mod body;
mod choice;
pub(crate) mod pipeline;
mod store_on_complete;

//! `POST /v1/chat/completions`: the request, the reply and the chunks of a stream.

pub mod reply;
pub mod request;

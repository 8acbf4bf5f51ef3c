//! `POST /v1/chat/completions`: the request, the reply and the stream's chunks.

pub mod reply;
pub mod request;

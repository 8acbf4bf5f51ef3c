//! Tests of Ollama's dialects: requests lowered, lines and whole replies worded.

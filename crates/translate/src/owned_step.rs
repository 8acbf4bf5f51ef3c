//! Steps of a reply that are kept until their turn.

use chatmock_protocol::json::RawValue;
use chatmock_protocol::responses::event::Channel;

use crate::delta::{Annotation, CallStart, Delta, FoundPage, Search};

/// A [`Delta`] with its texts.
#[derive(Debug)]
pub(crate) enum OwnedStep {
    Text(String),
    TextEnd,
    Refusal(String),
    Citation { start: u64, end: u64, url: String, title: String },
    OtherAnnotation(Box<RawValue>),
    Reasoning { channel: Channel, text: String },
    ReasoningBreak(Channel),
    ReasoningEnd { id: Option<String>, encrypted_content: Option<String> },
    CallStart { index: usize, id: String, name: String, custom: bool },
    CallArguments { index: usize, fragment: String },
    CallEnd { index: usize },
    Image { format: String, base64: String },
    Begin { response_id: String },
    Search { id: String, query: String, failed: bool, pages: Vec<FoundPage> },
}

impl From<&Delta<'_>> for OwnedStep {
    fn from(delta: &Delta<'_>) -> Self {
        let owned = |text: &str| text.to_owned();
        match delta {
            Delta::Begin { response_id } => Self::Begin { response_id: owned(response_id) },
            Delta::Text(piece) => Self::Text(owned(piece.text())),
            Delta::TextEnd => Self::TextEnd,
            Delta::Refusal(piece) => Self::Refusal(owned(piece.text())),
            Delta::Annotation(Annotation::Citation { start, end, url, title }) => {
                let (start, end) = (*start, *end);
                Self::Citation { start, end, url: url.clone(), title: title.clone() }
            }
            Delta::Annotation(Annotation::Other(raw)) => Self::OtherAnnotation((*raw).to_owned()),
            Delta::Reasoning { channel, text } => {
                Self::Reasoning { channel: *channel, text: owned(text.text()) }
            }
            Delta::ReasoningBreak(channel) => Self::ReasoningBreak(*channel),
            Delta::ReasoningEnd { id, encrypted_content } => Self::ReasoningEnd {
                id: id.map(owned),
                encrypted_content: encrypted_content.map(owned),
            },
            Delta::CallStart(CallStart { index, id, name, custom }) => {
                let (index, custom) = (*index, *custom);
                Self::CallStart { index, id: owned(id), name: owned(name), custom }
            }
            Delta::CallArguments { index, fragment } => {
                Self::CallArguments { index: *index, fragment: owned(fragment.text()) }
            }
            Delta::CallEnd { index } => Self::CallEnd { index: *index },
            Delta::Image { format, base64 } => {
                Self::Image { format: owned(format), base64: owned(base64) }
            }
            Delta::Search(Search { id, query, failed, pages }) => {
                let (id, query) = (owned(id), owned(query));
                Self::Search { id, query, failed: *failed, pages: pages.to_vec() }
            }
        }
    }
}

impl OwnedStep {
    /// Returns the step itself.
    pub(crate) fn as_delta(&self) -> Delta<'_> {
        match self {
            Self::Begin { response_id } => Delta::Begin { response_id },
            Self::Text(text) => Delta::Text(text.as_str().into()),
            Self::TextEnd => Delta::TextEnd,
            Self::Refusal(text) => Delta::Refusal(text.as_str().into()),
            Self::Citation { start, end, url, title } => Delta::Annotation(Annotation::Citation {
                start: *start,
                end: *end,
                url: url.clone(),
                title: title.clone(),
            }),
            Self::OtherAnnotation(raw) => Delta::Annotation(Annotation::Other(raw)),
            Self::Reasoning { channel, text } => {
                Delta::Reasoning { channel: *channel, text: text.as_str().into() }
            }
            Self::ReasoningBreak(channel) => Delta::ReasoningBreak(*channel),
            Self::ReasoningEnd { id, encrypted_content } => Delta::ReasoningEnd {
                id: id.as_deref(),
                encrypted_content: encrypted_content.as_deref(),
            },
            Self::CallStart { index, id, name, custom } => {
                Delta::CallStart(CallStart { index: *index, id, name, custom: *custom })
            }
            Self::CallArguments { index, fragment } => {
                Delta::CallArguments { index: *index, fragment: fragment.as_str().into() }
            }
            Self::CallEnd { index } => Delta::CallEnd { index: *index },
            Self::Image { format, base64 } => Delta::Image { format, base64 },
            Self::Search { id, query, failed, pages } => {
                Delta::Search(Search { id, query, failed: *failed, pages })
            }
        }
    }

    /// Returns roughly the memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        let texts = match self {
            Self::Text(text)
            | Self::Refusal(text)
            | Self::Reasoning { text, .. }
            | Self::CallArguments { fragment: text, .. }
            | Self::Begin { response_id: text } => text.len(),
            Self::Citation { url, title, .. } => url.len() + title.len(),
            Self::OtherAnnotation(raw) => raw.get().len(),
            Self::ReasoningEnd { encrypted_content, .. } => {
                encrypted_content.as_ref().map_or(0, String::len)
            }
            Self::CallStart { id, name, .. } => id.len() + name.len(),
            Self::Image { base64, .. } => base64.len(),
            Self::Search { id, query, .. } => id.len() + query.len(),
            Self::TextEnd | Self::ReasoningBreak(_) | Self::CallEnd { .. } => 0,
        };
        texts + size_of::<Self>()
    }

    /// Appends a later step to this one where both are pieces of the same; returns whether it did.
    pub(crate) fn takes(&mut self, later: &Self) -> bool {
        match (self, later) {
            (Self::Text(text), Self::Text(more)) | (Self::Refusal(text), Self::Refusal(more)) => {
                text.push_str(more);
            }
            (
                Self::CallArguments { index, fragment },
                Self::CallArguments { index: same, fragment: more },
            ) if index == same => fragment.push_str(more),
            (Self::Reasoning { channel, text }, Self::Reasoning { channel: same, text: more })
                if channel == same =>
            {
                text.push_str(more)
            }
            _ => return false,
        }
        true
    }
}

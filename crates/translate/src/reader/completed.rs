//! Completed items: the authority on what a reply holds, where its deltas left something out.

use std::ops::ControlFlow;

use chatmock_protocol::json::{RawStr, Text};
use chatmock_protocol::responses::event::Channel;
use chatmock_protocol::responses::item::{OutputKind, OutputPart, WebSearch};
use chatmock_protocol::responses::{OutputItem, Response};

use super::slot::{Reasoning, Slot, remainder};
use super::{EventReader, ReasoningPart};
use crate::delta::{Delta, FoundPage, Search, Sink};
use crate::end::Finish;

impl EventReader {
    /// Reads a completed item: writes what its deltas left out, and its end.
    pub(super) fn item_done(
        &mut self,
        index: usize,
        item: &OutputItem<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        self.item_added(index, item, sink)?;
        self.item_content(index, item, sink)?;
        sink.item_end(index)
    }

    fn item_content(
        &mut self,
        index: usize,
        item: &OutputItem<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        match &item.kind {
            OutputKind::Message { content, .. } => self.message_done(index, content, sink),
            OutputKind::Reasoning { .. } => self.reasoning_done(index, item, sink),
            OutputKind::Call { arguments, .. } => {
                if let Some(arguments) = arguments {
                    self.arguments_done(index, *arguments, sink)?;
                }
                self.end_call(index, sink)
            }
            OutputKind::Image { result: Some(base64), format } => {
                let Some(Slot::Image { sent: sent @ false }) = self.slots.get_mut(&index) else {
                    return ControlFlow::Continue(());
                };
                *sent = true;
                let format = format.as_deref().unwrap_or("png");
                sink.step(Delta::Image { format, base64 })
            }
            OutputKind::WebSearch(search) => self.search_done(index, search, sink),
            OutputKind::Image { result: None, .. } | OutputKind::Other => ControlFlow::Continue(()),
        }
    }

    /// Tells a search once, with what is known of it.
    fn search_done(
        &mut self,
        index: usize,
        search: &WebSearch<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        let Some(Slot::Search { reported: reported @ false }) = self.slots.get_mut(&index) else {
            return ControlFlow::Continue(());
        };
        *reported = true;
        let page =
            |url: &Text<'_>| FoundPage { url: url.0.clone().into_owned(), title: String::new() };
        let pages: Vec<FoundPage> = search.sources.iter().map(page).collect();
        sink.step(Delta::Search(Search {
            id: search.id.as_deref().unwrap_or_default(),
            query: search.query.as_deref().unwrap_or_default(),
            failed: search.failed,
            pages: &pages,
        }))
    }

    fn message_done(
        &mut self,
        index: usize,
        content: &[OutputPart<'_>],
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        let text: String =
            content.iter().filter_map(|part| part.text).map(RawStr::to_text).collect();
        let refusal: String =
            content.iter().filter_map(|part| part.refusal).map(RawStr::to_text).collect();
        let Some(Slot::Message(message)) = self.slots.get_mut(&index) else {
            return ControlFlow::Continue(());
        };
        let (sent, refused, annotated) = (message.text, message.refusal, message.annotations);
        message.refusal = refusal.len();
        self.write_text(index, remainder(&text, sent).into(), sink)?;
        sink.item(index);
        match remainder(&refusal, refused) {
            "" => {}
            rest => sink.step(Delta::Refusal(rest.into()))?,
        }
        let annotations = content.iter().filter_map(|part| part.annotations.as_deref()).flatten();
        for raw in annotations.skip(annotated) {
            self.annotation(index, raw, sink)?;
        }
        self.end_item(index, sink)
    }

    /// Writes reasoning that came without deltas, and the item's end.
    fn reasoning_done(
        &mut self,
        index: usize,
        item: &OutputItem<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        let OutputKind::Reasoning { id, encrypted_content, summary, content } = &item.kind else {
            return ControlFlow::Continue(());
        };
        let Some(Slot::Reasoning(Reasoning { written, ended: false })) = self.slots.get(&index)
        else {
            return ControlFlow::Continue(());
        };
        if !*written {
            for (channel, texts) in [(Channel::Summary, summary), (Channel::Raw, content)] {
                for (part, text) in texts.iter().enumerate() {
                    let part = ReasoningPart { output_index: index, part, channel };
                    self.write_reasoning(part, text.to_text().as_str().into(), sink)?;
                }
            }
        }
        if let Some(Slot::Reasoning(reasoning)) = self.slots.get_mut(&index) {
            reasoning.ended = true;
        }
        let mut scratch = String::new();
        sink.step(Delta::ReasoningEnd {
            id: id.as_deref(),
            encrypted_content: encrypted_content.map(|content| content.decode(&mut scratch)),
        })
    }

    /// Ends the items whose completed form did not come: the response is complete, so they are.
    pub(super) fn end_items(&mut self, sink: &mut impl Sink) -> ControlFlow<Finish> {
        let indices: Vec<usize> = self.slots.keys().copied().collect();
        indices.into_iter().try_for_each(|index| {
            self.end_item(index, sink)?;
            sink.item_end(index)
        })
    }

    /// Writes the end of an item that is still open.
    fn end_item(&mut self, index: usize, sink: &mut impl Sink) -> ControlFlow<Finish> {
        sink.item(index);
        match self.slots.get_mut(&index) {
            Some(Slot::Message(message)) => message.end(&mut self.so_far, sink),
            Some(Slot::Reasoning(reasoning)) if reasoning.written && !reasoning.ended => {
                reasoning.ended = true;
                sink.step(Delta::ReasoningEnd { id: None, encrypted_content: None })
            }
            Some(Slot::Call(_)) => self.end_call(index, sink),
            _ => ControlFlow::Continue(()),
        }
    }

    /// Reads the output of a response whose items no event announced.
    pub(super) fn whole_output(
        &mut self,
        response: &Response<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        for (index, raw) in response.output().into_iter().enumerate() {
            if let Ok(item) = serde_json::from_str::<OutputItem<'_>>(raw.get()) {
                self.item_done(index, &item, sink)?;
            }
        }
        ControlFlow::Continue(())
    }
}

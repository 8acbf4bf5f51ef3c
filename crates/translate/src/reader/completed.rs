//! Finished items: the authority on what a reply holds, where its deltas left something out.

use std::ops::ControlFlow;

use chatmock_protocol::json::RawStr;
use chatmock_protocol::responses::event::Channel;
use chatmock_protocol::responses::item::OutputKind;
use chatmock_protocol::responses::{OutputItem, Response};

use super::EventReader;
use super::slot::{Slot, missing};
use crate::delta::{Delta, Sink};
use crate::end::Finish;

impl EventReader {
    /// Takes the finished item: what its deltas did not bring comes from here.
    pub(super) fn done(
        &mut self,
        index: usize,
        item: &OutputItem<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        self.added(index, item, sink)?;
        match &item.kind {
            OutputKind::Message { .. } => self.message_done(index, item, sink),
            OutputKind::Reasoning { summary, content } => {
                self.reasoning_done(index, (summary, content), sink)
            }
            OutputKind::Call { arguments, .. } => {
                if let Some(arguments) = arguments {
                    self.arguments_done(index, *arguments, sink)?;
                }
                match self.slots.get_mut(&index) {
                    Some(Slot::Call { slot, open: open @ true, .. }) => {
                        *open = false;
                        sink.step(Delta::CallEnd { slot: *slot })
                    }
                    _ => ControlFlow::Continue(()),
                }
            }
            OutputKind::Image { result: Some(base64), format } => {
                match self.slots.get_mut(&index) {
                    Some(Slot::Image { sent: sent @ false }) => {
                        *sent = true;
                        let format = format.as_deref().unwrap_or("png");
                        sink.step(Delta::Image { format, base64 })
                    }
                    _ => ControlFlow::Continue(()),
                }
            }
            OutputKind::Image { result: None, .. } | OutputKind::Other => ControlFlow::Continue(()),
        }
    }

    fn message_done(
        &mut self,
        index: usize,
        item: &OutputItem<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        let OutputKind::Message { content, .. } = &item.kind else {
            return ControlFlow::Continue(());
        };
        let whole: String = content.iter().filter_map(|p| p.text).map(RawStr::to_text).collect();
        let refusal: String =
            content.iter().filter_map(|p| p.refusal).map(RawStr::to_text).collect();
        let Some(Slot::Message(message)) = self.slots.get(&index) else {
            return ControlFlow::Continue(());
        };
        let (text, refused, annotations) = (message.text, message.refusal, message.annotations);
        self.say(index, missing(&whole, text).into(), sink)?;
        if let Some(Slot::Message(message)) = self.slots.get_mut(&index) {
            message.refusal = refusal.len();
        }
        match missing(&refusal, refused) {
            "" => {}
            rest => sink.step(Delta::Refusal(rest.into()))?,
        }
        let given = content.iter().filter_map(|part| part.annotations.as_deref()).flatten();
        for raw in given.skip(annotations) {
            self.annotation(index, raw, sink)?;
        }
        ControlFlow::Continue(())
    }

    /// Writes reasoning that came without deltas.
    fn reasoning_done(
        &mut self,
        index: usize,
        (summary, content): (&[RawStr<'_>], &[RawStr<'_>]),
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        if !matches!(self.slots.get(&index), Some(Slot::Reasoning { written: false })) {
            return ControlFlow::Continue(());
        }
        for (part, text) in summary.iter().enumerate() {
            self.think((index, part), Channel::Summary, text.to_text().as_str().into(), sink)?;
        }
        for (part, text) in content.iter().enumerate() {
            self.think((index, part), Channel::Raw, text.to_text().as_str().into(), sink)?;
        }
        ControlFlow::Continue(())
    }

    /// Writes what the deltas did not bring of a call's arguments.
    pub(super) fn arguments_done(
        &mut self,
        index: usize,
        arguments: RawStr<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        let Some(Slot::Call { slot, sent, .. }) = self.slots.get_mut(&index) else {
            return ControlFlow::Continue(());
        };
        let mut scratch = String::new();
        let whole = arguments.decode(&mut scratch);
        match missing(whole, *sent) {
            "" => ControlFlow::Continue(()),
            fragment => {
                *sent = whole.len();
                sink.step(Delta::CallArguments { slot: *slot, fragment: fragment.into() })
            }
        }
    }

    /// Ends the calls whose finished items did not come: the response is complete, so they are.
    pub(super) fn close_calls(&mut self, sink: &mut impl Sink) -> ControlFlow<Finish> {
        for item in self.slots.values_mut() {
            if let Slot::Call { slot, open: open @ true, .. } = item {
                *open = false;
                sink.step(Delta::CallEnd { slot: *slot })?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Reads the output of a response whose items no event announced.
    pub(super) fn whole(
        &mut self,
        response: &Response<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        for (index, raw) in response.output().into_iter().enumerate() {
            if let Ok(item) = serde_json::from_str::<OutputItem<'_>>(raw.get()) {
                self.done(index, &item, sink)?;
            }
        }
        ControlFlow::Continue(())
    }
}

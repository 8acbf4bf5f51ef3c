//! The writers of complete output items, with all events that announce them.

use super::Composer;
use crate::json::{Json, Members, members, object};
use crate::output_items::{
    HostedCall, OpenItem, ToolCall, message, output_text, part_position, pieces, with_member,
};

impl Composer {
    /// Writes a reasoning item with its summary parts, of which there may be none.
    pub(crate) fn reasoning(&mut self, parts: &[&str]) {
        let seal = self.meta.encrypted_content.clone();
        let item = |id: &str, summary: Vec<Json>| {
            let mut item = members! {"type": "reasoning", "id": id, "summary": summary};
            item.extend(seal.as_ref().map(|seal| ("encrypted_content", seal.into())));
            Json::Object(item)
        };
        let open = self.open("rs", |id| item(id, Vec::new()));
        for (index, text) in parts.iter().enumerate() {
            self.summary_part(&open, index, text);
        }
        self.reasoning_bytes += parts.iter().map(|part| part.len()).sum::<usize>().max(64);
        let summary = parts.iter().map(|text| object! {"type": "summary_text", "text": *text});
        let done = item(&open.id, summary.collect());
        self.close(&open, done);
    }

    /// Counts reasoning that was thought before and did not come back.
    pub(crate) fn think_again(&mut self, times: usize) {
        self.reasoning_bytes += times * 64;
    }

    /// Writes the one item that replaces a whole input from then on.
    pub(crate) fn compaction(&mut self) {
        let seal = self.meta.encrypted_content.clone().unwrap_or_default();
        let item = |id: &str| object! {"type": "compaction", "id": id, "encrypted_content": &seal};
        let open = self.open("cmp", item);
        self.close(&open, item(&open.id));
    }

    fn summary_part(&mut self, open: &OpenItem, index: usize, text: &str) {
        let place = members! {
            "item_id": &open.id, "output_index": open.index, "summary_index": index,
        };
        let part = |text: &str| object! {"type": "summary_text", "text": text};
        self.emit("response.reasoning_summary_part.added", with_member(&place, "part", part("")));
        for piece in pieces(text) {
            self.delta("response.reasoning_summary_text.delta", &place, piece);
        }
        self.emit("response.reasoning_summary_text.done", with_member(&place, "text", text.into()));
        self.emit("response.reasoning_summary_part.done", with_member(&place, "part", part(text)));
    }

    /// Writes a complete message.
    pub(crate) fn message(&mut self, text: &str, phase: &'static str) {
        self.cited_message(text, phase, Vec::new());
    }

    /// Writes a complete message with annotations. If the token limit cuts the text, the
    /// annotations are dropped.
    pub(crate) fn cited_message(&mut self, text: &str, phase: &'static str, notes: Vec<Json>) {
        let text = self.within_limit(text);
        if self.cut && text.is_empty() {
            return;
        }
        let open = self.open_message(phase);
        for piece in pieces(text) {
            self.text_delta(&open, piece);
        }
        let notes = if self.cut { Vec::new() } else { notes };
        self.close_message(&open, text, notes);
    }

    /// Begins a message with one text part.
    pub(crate) fn open_message(&mut self, phase: &'static str) -> OpenItem {
        let mut open = self.open("msg", |id| message(id, "in_progress", phase, Vec::new()));
        open.phase = phase;
        let part = with_member(&part_position(&open), "part", output_text("", Vec::new()));
        self.emit("response.content_part.added", part);
        open
    }

    /// Writes a piece of a message's text.
    pub(crate) fn text_delta(&mut self, open: &OpenItem, piece: &str) {
        let place = with_member(&part_position(open), "logprobs", Vec::<Json>::new().into());
        self.delta("response.output_text.delta", &place, piece);
    }

    /// Ends a message.
    pub(crate) fn close_message(&mut self, open: &OpenItem, text: &str, annotations: Vec<Json>) {
        self.output_bytes += text.len();
        for (index, annotation) in annotations.iter().enumerate() {
            let event = with_member(&part_position(open), "annotation_index", index.into());
            let event = with_member(&event, "annotation", annotation.clone());
            self.emit("response.output_text.annotation.added", event);
        }
        let done = with_member(&part_position(open), "text", text.into());
        self.emit("response.output_text.done", with_member(&done, "logprobs", Vec::new().into()));
        let part = output_text(text, annotations);
        self.emit(
            "response.content_part.done",
            with_member(&part_position(open), "part", part.clone()),
        );
        self.close(open, message(&open.id, self.closing_status(), open.phase, vec![part]));
    }

    /// Writes complete calls with interleaved deltas. The token limit applies to each call
    /// separately.
    pub(crate) fn calls(&mut self, calls: &[ToolCall]) {
        let mut calls = calls.to_vec();
        for call in &mut calls {
            call.text = self.within_limit(&call.text).to_owned();
        }
        let opened: Vec<OpenItem> = calls.iter().map(|call| self.open_call(call)).collect();
        let texts: Vec<Vec<&str>> = calls.iter().map(|call| pieces(&call.text)).collect();
        let longest = texts.iter().map(Vec::len).max().unwrap_or_default();
        for round in 0..longest {
            for ((call, open), pieces) in calls.iter().zip(&opened).zip(&texts) {
                if let Some(piece) = pieces.get(round) {
                    self.call_delta(open, call, piece);
                }
            }
        }
        for (call, open) in calls.iter().zip(&opened) {
            self.call_text_done(open, call);
            self.close_call(open, call);
        }
    }

    /// Begins a call.
    pub(crate) fn open_call(&mut self, call: &ToolCall) -> OpenItem {
        let prefix = if call.custom { "ctc" } else { "fc" };
        self.open(prefix, |id| call.item(id, "", "in_progress"))
    }

    /// Writes a piece of a call's arguments or input.
    pub(crate) fn call_delta(&mut self, open: &OpenItem, call: &ToolCall, piece: &str) {
        let place = members! {"item_id": &open.id, "output_index": open.index};
        if call.custom {
            self.delta("response.custom_tool_call_input.delta", &place, piece);
        } else {
            self.delta("response.function_call_arguments.delta", &place, piece);
        }
    }

    /// Writes that the arguments or the input are complete.
    pub(crate) fn call_text_done(&mut self, open: &OpenItem, call: &ToolCall) {
        let place = members! {"item_id": &open.id, "output_index": open.index};
        if call.custom {
            let event = with_member(&place, "input", (&call.text).into());
            self.emit("response.custom_tool_call_input.done", event);
        } else {
            let event = with_member(&place, "name", (&call.name).into());
            let event = with_member(&event, "arguments", (&call.text).into());
            self.emit("response.function_call_arguments.done", event);
        }
    }

    /// Ends a call.
    pub(crate) fn close_call(&mut self, open: &OpenItem, call: &ToolCall) {
        self.output_bytes += call.text.len();
        self.close(open, call.item(&open.id, &call.text, self.closing_status()));
    }

    /// Writes the call of a hosted tool: its item, its progress events, its finished item.
    pub(crate) fn hosted(&mut self, hosted: &HostedCall<'_>) {
        let item = |id: &str, status: &str, rest: Members| {
            let mut item = members! {"type": hosted.kind, "id": id, "status": status};
            item.extend(rest);
            Json::Object(item)
        };
        let open = self.open(hosted.prefix, |id| item(id, "in_progress", hosted.begun.clone()));
        for (stage, rest) in &hosted.stages {
            let mut event = members! {"item_id": &open.id, "output_index": open.index};
            event.extend(rest.clone());
            self.emit(&format!("response.{}.{stage}", hosted.kind), event);
        }
        self.close(&open, item(&open.id, "completed", hosted.result.clone()));
    }
}

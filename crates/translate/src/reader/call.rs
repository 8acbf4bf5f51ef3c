//! Tool calls, announced when their arguments begin or they are done.
//!
//! A call that is announced and then broken off before its first argument is no call, and a client
//! that was told of it would wait for the rest, or call the tool with nothing. So its name waits.

use std::ops::ControlFlow;

use chatmock_protocol::json::RawStr;

use super::EventReader;
use super::slot::{Slot, remainder};
use crate::delta::{CallStart, Delta, Piece, Sink};
use crate::end::Finish;

/// The arguments of a call without any: clients read them as JSON, and so does the backend.
const NO_ARGUMENTS: &str = "{}";

/// The progress of a tool call.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// Joins call and result.
    id: String,
    /// The tool's name.
    name: String,
    /// True if it is a freeform tool's call.
    custom: bool,
    /// Position among the reply's calls, once it was announced.
    index: Option<usize>,
    /// Bytes of the arguments that were written.
    sent: usize,
    /// True if something but white space was written.
    filled: bool,
    /// True if its end was written.
    ended: bool,
}

impl Call {
    /// Begins the call of an item.
    pub(super) fn new(id: &str, name: &str, custom: bool) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), custom, ..Self::default() }
    }

    /// Announces the call, where that was not done; returns its position among `calls`.
    fn announce(&mut self, calls: &mut usize, sink: &mut impl Sink) -> ControlFlow<Finish, usize> {
        if let Some(index) = self.index {
            return ControlFlow::Continue(index);
        }
        let index = *calls;
        *calls += 1;
        self.index = Some(index);
        let Self { id, name, custom, .. } = self;
        sink.step(Delta::CallStart(CallStart { index, id, name, custom: *custom }))?;
        ControlFlow::Continue(index)
    }

    fn write(
        &mut self,
        fragment: Piece<'_>,
        index: usize,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        self.sent += fragment.text().len();
        self.filled |= !fragment.text().trim_start().is_empty();
        sink.step(Delta::CallArguments { index, fragment })
    }

    /// Writes the end, and the arguments of a function that has none.
    fn end(&mut self, calls: &mut usize, sink: &mut impl Sink) -> ControlFlow<Finish> {
        if std::mem::replace(&mut self.ended, true) {
            return ControlFlow::Continue(());
        }
        let index = self.announce(calls, sink)?;
        if !self.filled && !self.custom {
            self.write(NO_ARGUMENTS.into(), index, sink)?;
        }
        sink.step(Delta::CallEnd { index })
    }
}

impl EventReader {
    /// Writes a piece of a call's arguments.
    pub(super) fn arguments(
        &mut self,
        index: usize,
        delta: RawStr<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        let Some(Slot::Call(call)) = self.slots.get_mut(&index).filter(|_| !delta.is_empty())
        else {
            return ControlFlow::Continue(());
        };
        sink.item(index);
        let index = call.announce(&mut self.calls, sink)?;
        call.write(Piece::read(delta, &mut self.scratch), index, sink)
    }

    /// Writes what the deltas left out of a call's arguments.
    pub(super) fn arguments_done(
        &mut self,
        index: usize,
        arguments: RawStr<'_>,
        sink: &mut impl Sink,
    ) -> ControlFlow<Finish> {
        let Some(Slot::Call(call)) = self.slots.get_mut(&index) else {
            return ControlFlow::Continue(());
        };
        sink.item(index);
        let mut scratch = String::new();
        let whole = arguments.decode(&mut scratch);
        match remainder(whole, call.sent) {
            "" => ControlFlow::Continue(()),
            fragment => {
                let index = call.announce(&mut self.calls, sink)?;
                call.write(fragment.into(), index, sink)
            }
        }
    }

    /// Writes the end of a call.
    pub(super) fn end_call(&mut self, index: usize, sink: &mut impl Sink) -> ControlFlow<Finish> {
        match self.slots.get_mut(&index) {
            Some(Slot::Call(call)) => call.end(&mut self.calls, sink),
            _ => ControlFlow::Continue(()),
        }
    }
}

//! The times of a socket: pings, idleness, age, and the end of the server.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::{Instant, Sleep};

use super::SocketServices;
use crate::http::websocket::{Close, WebSocket};
use crate::settings::SocketSettings;
use crate::tasks::becomes_true;
use crate::turn::TurnServices;

/// The pings without anything from the client after which it is gone.
const UNANSWERED: u32 = 2;

/// What is due on a socket.
pub(super) enum Due {
    Ping,
    /// Nothing comes from the client any more, so no close frame would reach it.
    Gone,
    Close(Close),
}

/// The clock of one socket: one timer, which ticks as often as the client is pinged.
pub(super) struct Clock {
    times: SocketSettings,
    pace: (Duration, usize),
    opened: Instant,
    active: Instant,
    silent: u32,
    tick: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Clock {
    pub(super) fn new(services: &SocketServices) -> Self {
        let SocketServices { times, pace, .. } = services;
        let tick = times.ping.min(times.idle).min(pace.0);
        let now = Instant::now();
        let timer = Box::pin(tokio::time::sleep(tick));
        Self { times: *times, pace: *pace, opened: now, active: now, silent: 0, tick, timer }
    }

    /// Notes that a request came or an answer ended.
    pub(super) fn note_activity(&mut self) {
        self.active = Instant::now();
    }

    /// Returns whether the socket has reached its age.
    pub(super) fn is_old(&self) -> bool {
        self.opened.elapsed() >= self.times.life
    }

    /// Returns what is due, one after the other; the task is woken at the next tick.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut WebSocket,
        is_busy: bool,
    ) -> Option<Due> {
        if wire.is_closing() || self.timer.poll_unpin(cx).is_pending() {
            return None;
        }
        self.timer.as_mut().reset(Instant::now() + self.tick);
        let (patience, rate) = self.pace;
        if wire.is_too_slow(patience, rate) {
            return Some(Due::Close(Close::TooSlow));
        }
        if !is_busy && self.active.elapsed() >= self.times.idle {
            return Some(Due::Close(Close::Away("no request came for long")));
        }
        self.silent = if wire.was_heard() { 0 } else { self.silent + 1 };
        Some(if self.silent > UNANSWERED { Due::Gone } else { Due::Ping })
    }
}

/// How far the server is with its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    No,
    /// Open answers are finished.
    Soon,
    /// There is no more time.
    Now,
}

/// Wakes a socket when the server stops.
pub(super) struct StopWatch {
    stopping: Stopping,
    next: BoxFuture<'static, ()>,
}

impl StopWatch {
    pub(super) fn of(services: &TurnServices) -> Self {
        Self { stopping: Stopping::No, next: becomes_true(&services.draining) }
    }

    /// Returns how far the server is; the task is woken when that changes.
    pub(super) fn poll(&mut self, services: &TurnServices, cx: &mut Context<'_>) -> Stopping {
        while self.stopping != Stopping::Now && self.next.poll_unpin(cx).is_ready() {
            self.stopping = match self.stopping {
                Stopping::No => Stopping::Soon,
                Stopping::Soon | Stopping::Now => Stopping::Now,
            };
            self.next = becomes_true(&services.abort);
        }
        self.stopping
    }
}

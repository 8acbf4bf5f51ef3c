//! The pages that a search has found: known only from the text that cites them.
//!
//! The backend names its sources in the citations of the text, which comes after the search, while this
//! API lists them before it. A request that offers nothing but a web search is made for that list, so
//! there the search waits for the text; elsewhere it is told at once, with what is known.

use std::ops::ControlFlow;

use crate::delta::{Annotation, Delta, FoundPage, Search};
use crate::encoder::DeltaEncoder;
use crate::end::{End, Finish};
use crate::failure::Failure;
use crate::frames::Out;
use crate::owned_step::OwnedStep;

/// The most bytes of steps that wait for a search's pages.
const MAX_WAITING: usize = 16 * 1024 * 1024;

/// Lets searches wait for the text that cites what they found, where that is wanted.
#[derive(Debug)]
pub struct SearchResults<E> {
    wait: bool,
    waiting: Option<Waiting>,
    encoder: E,
}

/// A search that waits.
#[derive(Debug)]
struct Waiting {
    id: String,
    query: String,
    failed: bool,
    pages: Vec<FoundPage>,
    /// The steps that follow it.
    steps: Vec<OwnedStep>,
    bytes: usize,
}

impl<E: DeltaEncoder> SearchResults<E> {
    /// Wraps `encoder`; with `wait`, a search waits for the text after it.
    pub(super) fn new(wait: bool, encoder: E) -> Self {
        Self { wait, waiting: None, encoder }
    }

    /// Tells the search that waits, and what followed it.
    fn tell(&mut self, out: &mut Out) -> ControlFlow<Finish> {
        let Some(Waiting { id, query, failed, pages, steps, .. }) = self.waiting.take() else {
            return ControlFlow::Continue(());
        };
        let search = Search { id: &id, query: &query, failed, pages: &pages };
        self.encoder.delta(Delta::Search(search), out)?;
        steps.iter().try_for_each(|step| self.encoder.delta(step.as_delta(), out))
    }
}

impl Waiting {
    fn keep(&mut self, delta: &Delta<'_>) {
        if let Delta::Annotation(Annotation::Citation { url, title, .. }) = delta {
            match self.pages.iter_mut().find(|page| page.url == *url) {
                Some(page) => page.title.clone_from(title),
                None => {
                    self.pages.push(FoundPage { url: url.clone(), title: title.clone() });
                }
            }
        }
        let step = OwnedStep::from(delta);
        self.bytes += step.bytes();
        if !self.steps.last_mut().is_some_and(|last| last.takes(&step)) {
            self.steps.push(step);
        }
    }
}

impl<E: DeltaEncoder> DeltaEncoder for SearchResults<E> {
    type Output = E::Output;

    fn keeps_text(&self) -> bool {
        self.encoder.keeps_text()
    }

    fn delta(&mut self, delta: Delta<'_>, out: &mut Out) -> ControlFlow<Finish> {
        match (delta, &mut self.waiting) {
            (Delta::Search(search), _) if self.wait => {
                self.tell(out)?;
                let Search { id, query, failed, pages } = search;
                let (id, query, pages) = (id.to_owned(), query.to_owned(), pages.to_vec());
                let (steps, bytes) = (Vec::new(), 0);
                self.waiting = Some(Waiting { id, query, failed, pages, steps, bytes });
                ControlFlow::Continue(())
            }
            (delta, Some(waiting)) => {
                waiting.keep(&delta);
                match delta {
                    // Words before the answer cite nothing.
                    Delta::TextEnd if !waiting.pages.is_empty() => self.tell(out),
                    _ if waiting.bytes > MAX_WAITING => self.tell(out),
                    _ => ControlFlow::Continue(()),
                }
            }
            (delta, None) => self.encoder.delta(delta, out),
        }
    }

    fn end(mut self, end: End, out: &mut Out) -> E::Output {
        // The reply ends here in any case.
        let _ = self.tell(out);
        self.encoder.end(end, out)
    }

    fn fail(self, failure: &Failure, out: &mut Out) {
        self.encoder.fail(failure, out);
    }
}

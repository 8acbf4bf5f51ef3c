//! Pairs of calls and results over a whole conversation, whatever its items are made of.
//!
//! Clients number their calls anew in each turn, or have no ids at all, while the backend takes each id once
//! in a conversation. So the first use keeps its id, which keeps the prompt cache warm, and each later use
//! gets one that follows from the id and the number of its use: the same one whenever the conversation is
//! sent again.

use std::collections::{BTreeMap, VecDeque};

use crate::tool_names;

/// The notice of a call that nobody answered.
pub(crate) const UNANSWERED: &str = "a tool call without a result was left out";

/// The notice of a result that nobody asked for.
pub(crate) const UNASKED: &str = "a tool result without its call went as a message";

/// The notice of an id that calls have in common.
pub(crate) const USED_AGAIN: &str = "a call whose id was used before got an id of its own";

/// The part that an item has in calls and results.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Link<'i> {
    /// The call of a tool.
    Call {
        /// The id that joins it to its result.
        id: &'i str,
        /// True for a freeform tool.
        custom: bool,
    },
    /// The result of a call.
    Result {
        /// The id of the call.
        id: &'i str,
    },
    /// Something said by others than the model, after which new calls begin.
    Turn,
    /// Anything else.
    Other,
}

/// The fate of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is neither call nor result.
    Kept,
    /// It is one of a pair.
    Paired {
        /// The id of the pair, where it is not the one that was given.
        own_id: Option<String>,
        /// True for a freeform tool.
        custom: bool,
    },
    /// It is a call without a result.
    LeftOut,
    /// It is a result without a call.
    Spoken,
}

/// A call that waits for its result.
struct OpenCall {
    index: usize,
    /// Calls of one batch stand side by side, and are answered in their order.
    batch: usize,
    own_id: Option<String>,
    custom: bool,
}

/// Returns the fate of each item.
pub(crate) fn fates(links: &[Link<'_>]) -> Vec<Fate> {
    let mut fates = vec![Fate::Kept; links.len()];
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    let mut open: BTreeMap<&str, VecDeque<OpenCall>> = BTreeMap::new();
    let mut batch = 0;
    let mut set = |index: usize, fate| {
        if let Some(slot) = fates.get_mut(index) {
            *slot = fate;
        }
    };
    for (index, link) in links.iter().enumerate() {
        match *link {
            Link::Call { id, custom } => {
                set(index, Fate::LeftOut);
                let uses = uses.entry(id).or_insert(0);
                let own_id = (*uses > 0).then(|| tool_names::later_call_id(id, *uses));
                *uses += 1;
                let waiting = open.entry(id).or_default();
                // A call of an earlier turn whose id is used again will not be answered any more.
                waiting.retain(|call| call.batch == batch);
                waiting.push_back(OpenCall { index, batch, own_id, custom });
            }
            Link::Result { id } => {
                batch += 1;
                let Some(call) = open.get_mut(id).and_then(VecDeque::pop_front) else {
                    set(index, Fate::Spoken);
                    continue;
                };
                let pair = Fate::Paired { own_id: call.own_id, custom: call.custom };
                set(call.index, pair.clone());
                set(index, pair);
            }
            Link::Turn => batch += 1,
            Link::Other => {}
        }
    }
    fates
}

/// The words before a result whose call is not there.
pub(crate) fn introduction(call_id: &str) -> String {
    format!("Result of the tool call {call_id}, which is not part of this conversation:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str) -> Link<'_> {
        Link::Call { id, custom: false }
    }

    fn result(id: &str) -> Link<'_> {
        Link::Result { id }
    }

    fn ids(links: &[Link<'_>]) -> Vec<String> {
        let word = |fate: Fate| match fate {
            Fate::Kept => "-".to_owned(),
            Fate::Paired { own_id, .. } => own_id.unwrap_or_else(|| "same".to_owned()),
            Fate::LeftOut => "out".to_owned(),
            Fate::Spoken => "spoken".to_owned(),
        };
        fates(links).into_iter().map(word).collect()
    }

    #[test]
    fn each_later_use_of_an_id_has_one_of_its_own_in_call_and_result() {
        let two = [call("a"), result("a"), Link::Turn, call("a"), result("a")];
        let found = ids(&two);
        assert_eq!(found[..3], ["same", "same", "-"]);
        assert!(found[3].starts_with("call_") && found[3] == found[4], "{found:?}");
        let mut three = two.to_vec();
        three.extend([call("a"), result("a")]);
        let longer = ids(&three);
        assert_eq!(longer[..5], found);
        assert!(longer[5] == longer[6] && longer[5] != longer[4], "{longer:?}");
    }

    #[test]
    fn calls_side_by_side_with_one_id_are_answered_in_their_order() {
        let found = ids(&[call("a"), call("a"), result("a"), result("a")]);
        assert_eq!((&*found[0], &*found[2]), ("same", "same"));
        assert_eq!(found[1], found[3]);
        assert_ne!(found[1], "same");
    }

    #[test]
    fn a_result_belongs_to_the_latest_turn_that_used_its_id() {
        let found = ids(&[call("a"), Link::Turn, call("a"), result("a"), result("a")]);
        assert_eq!((&*found[0], &*found[4]), ("out", "spoken"));
        assert_eq!(found[2], found[3]);
    }

    #[test]
    fn a_result_may_come_after_another_turn() {
        assert_eq!(ids(&[call("a"), Link::Turn, result("a")]), ["same", "-", "same"]);
        assert_eq!(ids(&[result("a"), call("a")]), ["spoken", "out"]);
    }

    #[test]
    fn a_result_takes_the_kind_of_its_call() {
        let custom = Link::Call { id: "a", custom: true };
        let pair = Fate::Paired { own_id: None, custom: true };
        assert_eq!(fates(&[custom, result("a")]), [pair.clone(), pair]);
    }
}

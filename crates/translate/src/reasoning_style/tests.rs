//! Tests of what passes in every style.

use super::*;
use crate::reply::{Block, Collector, Reply};
use chatmock_protocol::responses::event::Channel;

fn styled(style: ReasoningStyle) -> Reply {
    let (mut encoder, mut out) = (StyledReasoning::new(style, Collector::new()), Out::default());
    for delta in [
        Delta::Reasoning { channel: Channel::Summary, text: "hm".into() },
        Delta::ReasoningEnd { id: Some("rs_1"), encrypted_content: Some("gAAA") },
        Delta::Text("Hi".into()),
        Delta::TextEnd,
    ] {
        assert!(encoder.delta(delta, &mut out).is_continue());
    }
    encoder.end(End::new(Finish::Stop), &mut out)
}

#[test]
fn the_ends_of_reasoning_and_text_pass_in_every_style() {
    for style in [ReasoningStyle::ReasoningContent, ReasoningStyle::ThinkTags, ReasoningStyle::None]
    {
        let reply = styled(style);
        let kept = reply.blocks.iter().any(|block| {
            matches!(block, Block::Reasoning(reasoning) if reasoning.id.as_deref() == Some("rs_1"))
        });
        let complete =
            reply.blocks.iter().any(|block| matches!(block, Block::Text(text) if text.complete));
        assert!(kept && complete, "{style:?}: {reply:?}");
        assert_eq!(reply.reasoning() == "hm", style == ReasoningStyle::ReasoningContent);
    }
}

//! Odd answers in every dialect: each has to say what the backend said.

use chatmock_simulator::Fast;
use chatmock_testkit::client::Connection;

use crate::BoxError;
use crate::dialect::{Dialect, Way};
use crate::harness::Harness;
use crate::load::{History, Question, Target};
use crate::report::Line;

/// The number of times that each is asked for.
const TIMES: usize = 3;

/// The answers with text: cut anywhere, with escapes, in one large delta, as they usually come.
const TEXTS: [Fast; 4] =
    [Fast::Split(100, 37), Fast::Escaped(100), Fast::Large(400_000), Fast::Flood(50)];

pub(super) async fn measure() -> Result<Vec<Line>, BoxError> {
    let harness = Harness::fast()?;
    let mut questions = Vec::new();
    for dialect in Dialect::all() {
        for stream in [true, false] {
            let way = Way { dialect, stream };
            for fast in TEXTS {
                questions.push(Question::worded(&harness, way, fast)?);
            }
            // The other dialects have no calls, or have them as objects.
            if matches!(dialect, Dialect::Chat | Dialect::Responses) {
                questions.push(Question::worded(&harness, way, Fast::Calls(3))?);
            }
        }
    }
    for history in [History::Conversation, History::Picture] {
        questions.push(Question::new(&harness, Target::Program, Fast::Burst(20), history)?);
    }
    let (mut wrong, mut why) = (0, None);
    for question in questions.iter().flat_map(|question| [question; TIMES]) {
        let mut connection = Connection::open(harness.program.address).await?;
        if let Err(fault) = question.ask(&mut connection).await {
            wrong += 1;
            why.get_or_insert_with(|| fault.to_string());
        }
    }
    let asked = TIMES * questions.len();
    let name = format!("wrong answers of {asked}");
    Ok(vec![match why {
        None => Line::exactly(&name, wrong, 0),
        Some(why) => Line::new(&name, format!("{wrong}: {why}"), 0, false),
    }])
}

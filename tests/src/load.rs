//! A load: clients that ask one question again and again, each answer timed and compared.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chatmock_simulator::{Clock, Fast};
use chatmock_testkit::client::{Connection, Request};
use futures::future::join_all;
use serde_json::json;

use crate::BoxError;
use crate::dialect::{Dialect, Way};
use crate::harness::Harness;

/// The path at which the backend answers.
pub(crate) const BACKEND: &str = "/backend-api/codex/responses";

/// A picture's bytes as text, to be repeated.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ";

/// The server that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The program.
    Program,
    /// The backend itself.
    Backend,
}

/// The conversation in a request before the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum History {
    /// Nothing.
    Nothing,
    /// A conversation of some 215 KB, and twelve tools.
    Conversation,
    /// A picture of 2 MB.
    Picture,
    /// Plain text of this many bytes.
    Text(usize),
}

impl History {
    /// The body of a chat request that ends with `question`.
    pub(crate) fn body(self, question: &str) -> String {
        let line = "The quick “naïve” fox 数据 jumps; fn main() { println!(\"hi\\n\"); }\n";
        let asked = json!({"role": "user", "content": question});
        let mut messages = vec![json!({"role": "system", "content": "You are helpful."})];
        let mut tools = Vec::new();
        match self {
            Self::Nothing => {}
            Self::Conversation => {
                let turn = line.repeat(2000 / line.len());
                let roles = ["user", "assistant"].into_iter().cycle().take(98);
                messages.extend(roles.map(|role| json!({"role": role, "content": turn})));
                tools.extend((0..12).map(|number| tool(number, line)));
            }
            Self::Picture => {
                let picture = PICTURE.repeat((2 << 20) / PICTURE.len());
                let url = format!("data:image/png;base64,{picture}");
                let image = json!({"type": "image_url", "image_url": {"url": url}});
                messages.push(json!({"role": "user", "content": [image]}));
            }
            Self::Text(bytes) => {
                let text = "word ".repeat(bytes / 5);
                messages.push(json!({"role": "user", "content": text}));
            }
        }
        messages.push(asked);
        let mut body = json!({"model": "gpt-5.5", "stream": true, "messages": messages});
        if !tools.is_empty() {
            body["tools"] = tools.into();
        }
        body.to_string()
    }
}

fn tool(number: usize, line: &str) -> serde_json::Value {
    let path = json!({"type": "string", "description": line});
    let parameters = json!({"type": "object", "properties": {"path": path}, "required": ["path"]});
    let name = format!("tool_{number}");
    let function = json!({"name": name, "description": line.repeat(4), "parameters": parameters});
    json!({"type": "function", "function": function})
}

/// A question, ready to be sent, and what its answer has to say.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    address: SocketAddr,
    request: Arc<Vec<u8>>,
    dialect: Dialect,
    stream: bool,
    /// The number of deltas that hold a time stamp.
    stamps: Option<usize>,
    said: Arc<str>,
    clock: Clock,
}

/// A request, where it is sent, and how it is answered.
struct Call {
    address: SocketAddr,
    request: Vec<u8>,
    way: Way,
}

impl Question {
    /// A chat request for a fast answer, put to the program or to the backend.
    pub(crate) fn new(
        harness: &Harness,
        target: Target,
        fast: Fast,
        history: History,
    ) -> Result<Self, BoxError> {
        let (address, path, dialect) = match target {
            Target::Program => (harness.program.address, Dialect::Chat.path(), Dialect::Chat),
            Target::Backend => (harness.simulator().address(), BACKEND, Dialect::Responses),
        };
        let request = Request::post(path, history.body(&fast.mark())).bytes();
        let call = Call { address, request, way: Way { dialect, stream: true } };
        Self::ready(harness, call, fast)
    }

    /// A short request for a fast answer, put to the program in a dialect.
    pub(crate) fn worded(harness: &Harness, way: Way, fast: Fast) -> Result<Self, BoxError> {
        let request = way.dialect.request(&fast.mark(), way.stream);
        Self::ready(harness, Call { address: harness.program.address, request, way }, fast)
    }

    fn ready(harness: &Harness, call: Call, fast: Fast) -> Result<Self, BoxError> {
        let Call { address, request, way: Way { dialect, stream } } = call;
        let clock = harness.simulator().clock().ok_or("the backend gives no fast answers")?;
        let stamps = match fast {
            Fast::Paced(count, _) => Some(count as usize),
            _ => None,
        };
        let (request, said) = (Arc::new(request), fast.text().into());
        Ok(Self { address, request, dialect, stream, stamps, said, clock })
    }

    /// The size of the request in bytes.
    pub(crate) fn size(&self) -> usize {
        self.request.len()
    }

    /// Asks on a new connection and reads up to the first text.
    pub(crate) async fn open(&self) -> Result<Connection, BoxError> {
        let mut connection = Connection::begin(self.address, &self.request).await?;
        connection.head().await?;
        while let Some(piece) = connection.chunk().await? {
            if self.begins(&piece) {
                return Ok(connection);
            }
        }
        Err("the answer ended before its first text".into())
    }

    /// Asks on a connection and compares the answer.
    pub(crate) async fn ask(&self, connection: &mut Connection) -> Result<Answer, BoxError> {
        let asked = Instant::now();
        connection.write(&self.request).await?;
        let head = connection.head().await?;
        if head.status != 200 {
            let reply = connection.body(head).await?;
            return Err(format!("status {}: {}", reply.status, reply.text()).into());
        }
        let mut answer = Answer::default();
        if !self.stream {
            let body = connection.body(head).await?;
            answer.whole = asked.elapsed();
            return self.judged(answer, &body.text());
        }
        let mut body = Vec::with_capacity(8 * self.said.len());
        while let Some(piece) = connection.chunk().await? {
            if answer.first.is_zero() && self.begins(&piece) {
                answer.first = asked.elapsed();
            }
            if self.stamps.is_some() {
                answer.ages.extend(self.clock.ages(&String::from_utf8_lossy(&piece)));
            }
            body.extend_from_slice(&piece);
        }
        answer.whole = asked.elapsed();
        self.judged(answer, std::str::from_utf8(&body)?)
    }

    /// Returns whether a piece of the answer holds its first text.
    fn begins(&self, piece: &[u8]) -> bool {
        let sign: &[u8] = match self.dialect {
            Dialect::Responses => b"response.output_text.delta",
            Dialect::Completions | Dialect::Messages => b"\"text\":\"",
            Dialect::Chat | Dialect::OllamaChat => b"\"content\":\"",
            Dialect::OllamaGenerate => b"\"response\":\"",
        };
        memchr::memmem::find_iter(piece, sign).any(|at| {
            // A first chunk may name an empty text with the role.
            piece.get(at + sign.len()) != Some(&b'"') || self.dialect == Dialect::Responses
        })
    }

    fn judged(&self, answer: Answer, body: &str) -> Result<Answer, BoxError> {
        let said = self.dialect.said(body, self.stream).ok_or("not whole, or not over")?;
        let right = match self.stamps {
            Some(count) => said.len() == self.said.len() && answer.ages.len() == count,
            None => *said == *self.said,
        };
        if right { Ok(answer) } else { Err(format!("said {} bytes", said.len()).into()) }
    }
}

/// The times of one right answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// From the question to the first text.
    pub(crate) first: Duration,
    /// From the question to the end.
    pub(crate) whole: Duration,
    /// The time that each delta with a stamp was under way.
    pub(crate) ages: Vec<Duration>,
}

/// The number of clients, and for how long they ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// The clients, each with one connection that is kept.
    pub(crate) clients: usize,
    /// After which time none asks again.
    pub(crate) time: Duration,
    /// In what time the clients begin, evenly.
    pub(crate) beginning: Duration,
}

/// The results of a load.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// The right answers.
    pub(crate) answers: Vec<Answer>,
    /// The number of wrong answers.
    pub(crate) wrong: usize,
    /// The reason why one of them was wrong.
    pub(crate) why: Option<String>,
    /// From the first question to the last answer.
    pub(crate) took: Duration,
    /// The processor time of the program.
    pub(crate) processor: Duration,
    /// Sleeps of the program's threads.
    pub(crate) sleeps: u64,
}

impl Load {
    /// The same with one answer for each client.
    pub(crate) fn once(self) -> Self {
        Self { time: Duration::ZERO, ..self }
    }

    /// Runs the load and measures the program meanwhile.
    pub(crate) async fn run(self, harness: &Harness, question: &Question) -> Result<Run, BoxError> {
        let program = &harness.program;
        let (processor, sleeps) = (program.processor_time()?, program.sleeps()?);
        let begun = Instant::now();
        let mut run = Run::default();
        for (answers, why) in self.clients(|until| client(question, until)).await {
            run.answers.extend(answers);
            run.wrong += usize::from(why.is_some());
            run.why = run.why.or(why);
        }
        run.took = begun.elapsed();
        run.processor = program.processor_time()?.saturating_sub(processor);
        run.sleeps = program.sleeps()?.saturating_sub(sleeps);
        Ok(run)
    }

    /// Runs all clients to their end; each gets the time after which it asks no more.
    pub(crate) async fn clients<R: Future>(self, client: impl Fn(Instant) -> R) -> Vec<R::Output> {
        let begun = Instant::now();
        let step = self.beginning / self.clients.try_into().unwrap_or(u32::MAX);
        let clients = (0..self.clients).map(|place| {
            let asking = client(begun + self.time);
            async move {
                let place = place.try_into().unwrap_or_default();
                tokio::time::sleep_until((begun + step * place).into()).await;
                asking.await
            }
        });
        join_all(clients).await
    }
}

/// Asks until the time is over, or once; a client that got a wrong answer stops.
async fn client(question: &Question, until: Instant) -> (Vec<Answer>, Option<String>) {
    let mut answers = Vec::new();
    let asking = async {
        let mut connection = Connection::open(question.address).await?;
        loop {
            answers.push(question.ask(&mut connection).await?);
            if Instant::now() >= until {
                return Ok::<_, BoxError>(());
            }
        }
    };
    let why = asking.await.err().map(|fault| fault.to_string());
    (answers, why)
}

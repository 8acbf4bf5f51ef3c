//! The log for a person at a terminal: one row for each request, in local time.
//!
//! `11:02:14  429  chat  gpt-6-sol  Open WebUI  5-hour limit reached, free at 13:30`. The log of other targets keeps
//! every member, for programs; a row has what a person asks about, and the sentence that the client got.

use std::fmt::{self, Write as _};

use chatmock_server::{log_members, wrap};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::terminal;

/// The column at which the text of a row begins, after time and status.
const TEXT: usize = 15;

/// Writes events as rows.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    colour: bool,
    zone: TimeZone,
}

impl Rows {
    /// Makes a format for this machine's time zone.
    pub(crate) fn new(colour: bool) -> Self {
        Self { colour, zone: TimeZone::system() }
    }

    fn row(&self, row: &Row, level: Level, (time, width): (&str, usize)) -> String {
        let (mark, paint) = row.mark(level);
        let text = row.text();
        let text = wrap::hanging(&text, (TEXT, TEXT), width);
        match paint.filter(|_| self.colour) {
            Some(paint) => {
                format!("\u{1b}[2m{time}\u{1b}[0m  \u{1b}[{paint}m{mark:<4} {text}\u{1b}[0m\n")
            }
            None if self.colour => format!("\u{1b}[2m{time}\u{1b}[0m  {mark:<4} {text}\n"),
            None => format!("{time}  {mark:<4} {text}\n"),
        }
    }
}

impl<S, N> FormatEvent<S, N> for Rows
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let row = Row::of(log_members(event));
        let time =
            Timestamp::now().to_zoned_datetime(self.zone.clone()).strftime("%H:%M:%S").to_string();
        let place = (&*time, terminal::width_of_stderr());
        writer.write_str(&self.row(&row, *event.metadata().level(), place))
    }
}

/// The members of an event: those that a row shows at a fixed place, and the others.
#[derive(Debug, Default)]
struct Row {
    message: String,
    status: Option<u64>,
    known: Vec<(&'static str, String)>,
    others: Vec<(&'static str, String)>,
}

/// The members that a row has, or that only programs need.
const KNOWN: [&str; 19] = [
    "transport",
    "request_id",
    "caller",
    "client",
    "user_agent",
    "address",
    "forwarded_for",
    "method",
    "path",
    "dialect",
    "model",
    "stream",
    "outcome",
    "code",
    "reason",
    "first_milliseconds",
    "milliseconds",
    "input_tokens",
    "output_tokens",
];

/// A colour of the terminal.
type Paint = &'static str;

const GREEN: Paint = "32";
const YELLOW: Paint = "33";
const RED: Paint = "31";

impl Row {
    fn of(members: Vec<(&'static str, String)>) -> Self {
        let mut row = Self::default();
        for (name, value) in members {
            match name {
                "message" => row.message = value,
                "status" => row.status = value.parse().ok(),
                _ if KNOWN.contains(&name) => row.known.push((name, value)),
                _ => row.others.push((name, value)),
            }
        }
        row
    }

    fn member(&self, name: &str) -> Option<&str> {
        self.known.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    fn is_request(&self) -> bool {
        self.status.is_some() && matches!(&*self.message, "request" | "turn")
    }

    /// Returns the status or the level, and its colour.
    fn mark(&self, level: Level) -> (String, Option<Paint>) {
        let paint = match level {
            Level::ERROR => Some(RED),
            Level::WARN => Some(YELLOW),
            _ => None,
        };
        match self.status.filter(|_| self.is_request()) {
            Some(status @ 500..) => (status.to_string(), Some(RED)),
            Some(status) => (status.to_string(), paint.or_else(|| (status < 400).then_some(GREEN))),
            None if level == Level::INFO => (String::new(), None),
            None => (level.to_string(), paint),
        }
    }

    fn text(&self) -> String {
        if self.is_request() { self.request() } else { self.other() }
    }

    /// Returns the columns of a request: its dialect or path, model, client and end.
    fn request(&self) -> String {
        let mut columns: Vec<String> = Vec::new();
        match (self.member("dialect"), self.member("path")) {
            (Some(dialect), _) => columns.push(dialect.to_owned()),
            (None, Some(path)) => {
                columns.push(format!("{} {path}", self.member("method").unwrap_or_default()));
            }
            (None, None) => {}
        }
        columns.extend(self.member("model").map(str::to_owned));
        columns.extend(match (self.member("caller"), self.member("client")) {
            (Some(caller), Some(client)) => Some(format!("{caller} ({client})")),
            (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
            (None, None) => None,
        });
        columns.push(self.end());
        columns.join("  ")
    }

    /// Returns the reason of a failure, else how long the answer took and what it used.
    fn end(&self) -> String {
        match (self.member("reason"), self.member("outcome")) {
            (Some(reason), Some("broken")) => return format!("broke off: {reason}"),
            (Some(reason), _) => return reason.to_owned(),
            (None, Some("left")) => return "the client left".to_owned(),
            _ => {}
        }
        let milliseconds = self.member("milliseconds").and_then(|text| text.parse::<u64>().ok());
        let mut end = milliseconds.map(|time| match time {
            1000.. => format!("{}.{} s", time / 1000, time % 1000 / 100),
            _ => format!("{time} ms"),
        });
        if let (Some(input), Some(output)) =
            (self.member("input_tokens"), self.member("output_tokens"))
        {
            let end = end.get_or_insert_default();
            // Writing to a string cannot fail.
            let _ = write!(end, ", {input} tokens in, {output} out");
        }
        end.unwrap_or_default()
    }

    fn other(&self) -> String {
        let mut text = self.message.clone();
        let members = self.others.iter().chain(&self.known);
        let status = self.status.map(|status| ("status", status.to_string()));
        for (name, value) in members.chain(&status) {
            let _ = write!(text, "  {name}={value}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(message: &str, members: &[(&'static str, &str)]) -> Row {
        let members = [("message", message)].into_iter().chain(members.iter().copied());
        Row::of(members.map(|(name, value)| (name, value.to_owned())).collect())
    }

    fn shown(row: &Row, level: Level, width: usize) -> String {
        Rows { colour: false, zone: TimeZone::UTC }.row(row, level, ("11:02:14", width))
    }

    #[test]
    fn a_failure_is_one_row_with_the_sentence_of_the_client() {
        let row = row(
            "request",
            &[
                ("status", "429"),
                ("path", "/v1/chat/completions"),
                ("dialect", "chat"),
                ("model", "gpt-6-sol"),
                ("client", "Open WebUI"),
                ("reason", "5-hour limit reached, free at 13:30"),
            ],
        );
        let line =
            "11:02:14  429  chat  gpt-6-sol  Open WebUI  5-hour limit reached, free at 13:30\n";
        assert_eq!(shown(&row, Level::WARN, 80), line);
    }

    #[test]
    fn a_long_sentence_hangs_below_its_row() {
        let reason = "nothing is served at /chat/completions: the path is /v1/chat/completions";
        let members = [("status", "404"), ("method", "POST"), ("path", "/x"), ("reason", reason)];
        let text = shown(&row("request", &members), Level::WARN, 60);
        assert!(text.lines().all(|line| line.len() <= 60), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with(&" ".repeat(TEXT))), "{text}");
        assert!(text.starts_with("11:02:14  404  POST /x  nothing is served"), "{text}");
    }

    #[test]
    fn a_turn_says_how_long_it_took_and_what_it_used() {
        let members = [
            ("status", "200"),
            ("dialect", "chat"),
            ("model", "m"),
            ("caller", "ann"),
            ("client", "curl"),
            ("outcome", "complete"),
            ("milliseconds", "1840"),
            ("input_tokens", "812"),
            ("output_tokens", "96"),
        ];
        let text = shown(&row("turn", &members), Level::INFO, 100);
        assert_eq!(text, "11:02:14  200  chat  m  ann (curl)  1.8 s, 812 tokens in, 96 out\n");
    }

    #[test]
    fn other_lines_keep_every_member_and_name_their_level_unless_it_is_usual() {
        let line = row("listening", &[("port", "8000")]);
        assert_eq!(shown(&line, Level::INFO, 80), "11:02:14       listening  port=8000\n");
        assert_eq!(shown(&line, Level::WARN, 80), "11:02:14  WARN listening  port=8000\n");
    }

    #[test]
    fn failures_have_a_colour_of_their_own() {
        let rows = Rows { colour: true, zone: TimeZone::UTC };
        let paint = |status, level| {
            rows.row(&row("request", &[("status", status)]), level, ("11:02:14", 80))
        };
        assert!(paint("200", Level::INFO).contains("\u{1b}[32m200"));
        assert!(paint("404", Level::WARN).contains("\u{1b}[33m404"));
        assert!(paint("502", Level::WARN).contains("\u{1b}[31m502"));
    }
}

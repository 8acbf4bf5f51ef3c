//! The status in words, and as an object for programs.

use chatmock_auth::SharedCopy;

use super::usage::{Credits, Limit, StoredUsage, Usage, UsageError, Window};
use super::{Status, limits};
use crate::dates;
use crate::json::Json;
use crate::login::{PLAN_USE_OFF, named};
use crate::screen::{Paint, Screen, shown};

impl Status {
    /// Prints the status for a person.
    pub(super) fn tell(&self, screen: Screen) {
        let (account, now) = (&self.account, dates::unix_now());
        let who = screen.paint(Paint::Strong, &shown(named(account)));
        match &self.usage {
            Err(UsageError::SignedOut(_)) => {
                let ended = screen.paint(Paint::Bad, "has ended");
                screen.line(format_args!("The sign-in of {who} {ended}"));
            }
            _ => screen.line(format_args!("{} as {who}", screen.paint(Paint::Good, "Signed in"))),
        }
        if let Some(name) = &account.name {
            screen.field("Account", name);
        }
        screen.field("Plan", self.plan().unwrap_or("unknown"));
        screen.field("Workspace", account.workspace.as_deref().unwrap_or("unknown"));
        screen.field("Route", self.provenance.route.as_str());
        if let Some(allowed) = self.allowed {
            screen.field("Plan use", if allowed { "allowed" } else { "off: you did not allow it" });
        }
        screen.field("Stored in", &self.place);
        if let Some(shared) = &self.shared {
            screen.field("Shared", &shared_words(shared));
        }
        if let Some(at) = self.renewed {
            screen.field("Renewed", &dates::moment(at));
        }
        let has_ended = self.expires.is_some_and(|end| end <= now);
        screen.field(if has_ended { "Ended" } else { "Ends" }, &self.end(now));
        screen.line("");
        if self.allowed == Some(false) {
            let off = format!("{PLAN_USE_OFF}{}", self.provenance.route.login_command());
            screen.line(screen.paint(Paint::Bad, &off));
        }
        match &self.usage {
            Ok(usage) => {
                screen.line("Limits");
                limits::tell(usage, now, screen);
            }
            Err(UsageError::SignedOut(why)) => {
                screen.line(format_args!("{}: {}", screen.paint(Paint::Bad, "Ended"), shown(why)));
            }
            Err(UsageError::Elsewhere(page)) => {
                screen.line(format_args!("This route does not report the limits; see {page}"));
            }
            Err(why) => self.tell_earlier(why, now, screen),
        }
    }

    /// Prints why the limits are not known now, and what they were earlier.
    fn tell_earlier(&self, why: &UsageError, now: i64, screen: Screen) {
        let doctor = "find out why: chatmock-auth doctor";
        let why = shown(why.words());
        let Some(StoredUsage { as_of, usage }) = &self.stored else {
            screen.line(format_args!("Limits are not known now: {why} ({doctor})"));
            return;
        };
        screen.line(format_args!("Limits as of {}", dates::moment(*as_of)));
        limits::tell(usage, now, screen);
        screen.line(format_args!("They could not be read now: {why} ({doctor})"));
    }

    /// Makes the object for programs, without tokens.
    pub(super) fn json(&self) -> Json {
        let account = &self.account;
        let (usage, as_of) = match (&self.usage, &self.stored) {
            (Ok(usage), _) => (Some(usage), Some(dates::unix_now())),
            (_, Some(StoredUsage { as_of, usage })) => (Some(usage), Some(*as_of)),
            _ => (None, None),
        };
        Json::Object(vec![
            ("signed_in", (!matches!(self.usage, Err(UsageError::SignedOut(_)))).into()),
            ("email", account.email.clone().into()),
            ("name", account.name.clone().into()),
            ("plan", self.plan().into()),
            ("workspace", account.workspace.clone().into()),
            ("key", account.key.as_str().into()),
            ("route", self.provenance.route.as_str().into()),
            ("plan_use", self.allowed.into()),
            ("issuer", self.provenance.issuer.clone().into()),
            ("place", self.place.as_str().into()),
            ("shared", self.shared.as_ref().map(shared_json).into()),
            ("borrowed", self.borrowed.into()),
            ("expires_at", self.expires.into()),
            ("renewed_at", self.renewed.into()),
            ("usage", usage.map(Usage::json).into()),
            ("usage_live", self.usage.is_ok().into()),
            ("usage_as_of", as_of.into()),
            ("usage_error", self.usage.as_ref().err().map(UsageError::words).into()),
        ])
    }

    /// Returns the plan as the backend reports it, else as the sign-in does.
    fn plan(&self) -> Option<&str> {
        let live = self.usage.as_ref().ok().and_then(|usage| usage.plan.as_deref());
        live.or(self.account.plan.as_deref())
    }

    fn end(&self, now: i64) -> String {
        let by = if self.borrowed { "renewed by the Codex CLI" } else { "renewed automatically" };
        match self.expires {
            Some(end) if end <= now => dates::moment(end),
            Some(end) => format!("{}; {by}", dates::from_now(end, now)),
            None => format!("unknown; {by}"),
        }
    }
}

/// Says which copy of a shared sign-in is the newer one.
fn shared_words(shared: &Result<SharedCopy, String>) -> String {
    match shared {
        Err(why) => shown(why),
        Ok(copy) => match (copy.engine, copy.here) {
            (Some(engine), Some(here)) if engine == here => {
                format!("the engine and this machine have the same (number {engine})")
            }
            (Some(engine), here) if Some(engine) > here => {
                format!("the engine's copy is newer (number {engine})")
            }
            (_, Some(here)) => format!("the copy on this machine is newer (number {here})"),
            _ => "the engine has no copy".to_owned(),
        },
    }
}

fn shared_json(shared: &Result<SharedCopy, String>) -> Json {
    Json::Object(match shared {
        Ok(copy) => vec![("engine", copy.engine.into()), ("here", copy.here.into())],
        Err(why) => vec![("error", why.as_str().into())],
    })
}

impl UsageError {
    fn words(&self) -> &str {
        match self {
            Self::SignedOut(why) | Self::Unavailable(why) => why,
            Self::Elsewhere(_) => "this route does not report them",
            Self::Settings(_) => "the settings cannot be used",
        }
    }
}

impl Usage {
    fn json(&self) -> Json {
        Json::Object(vec![
            ("limits", self.limits.iter().map(Limit::json).collect()),
            ("credits", self.credits.as_ref().map(Credits::json).into()),
            ("reset_credits", self.reset_credits.into()),
        ])
    }
}

impl Limit {
    fn json(&self) -> Json {
        Json::Object(vec![
            ("name", self.name.clone().into()),
            ("reached", self.reached.into()),
            ("windows", self.windows.iter().map(Window::json).collect()),
        ])
    }
}

impl Window {
    fn json(&self) -> Json {
        Json::Object(vec![
            ("name", dates::window(self.minutes).into()),
            ("minutes", self.minutes.into()),
            ("used_percent", self.used.into()),
            ("resets_at", self.resets.into()),
        ])
    }
}

impl Credits {
    fn json(&self) -> Json {
        Json::Object(vec![
            ("has_credits", self.some.into()),
            ("unlimited", self.unlimited.into()),
            ("balance", self.balance.clone().into()),
        ])
    }
}

//! The quota guard: decides once, before a turn is sent, by the figures that answers brought.

mod fleet;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

use chatmock_protocol::codex::limits::{Snapshot, Window};
use chatmock_translate::policy::Cap;
use chatmock_translate::{Failure, FailureKind};

pub(crate) use fleet::OtherServers;

use crate::settings::{Budget, GuardRule, Then, When};

/// The seconds of a day.
const DAY: u64 = 24 * 3600;

/// The most labels whose use is remembered; more can only come of more keys than that.
const MAX_LABELS: usize = 10_000;

/// The rules and budgets, and what was used of the budgets.
#[derive(Debug, Default)]
pub(crate) struct QuotaGuard {
    rules: Vec<GuardRule>,
    budgets: Vec<Budget>,
    used: Mutex<HashMap<String, Used>>,
    /// The servers that share the budgets.
    others: Option<OtherServers>,
}

/// The use of a label.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    day: u64,
    tokens: u64,
    minute: u64,
    requests: u64,
}

impl QuotaGuard {
    pub(crate) fn new(rules: Vec<GuardRule>, budgets: Vec<Budget>) -> Self {
        Self { rules, budgets, used: Mutex::default(), others: None }
    }

    /// The same, among servers that share the budgets.
    pub(crate) fn among(self, others: Option<OtherServers>) -> Self {
        Self { others, ..self }
    }

    /// The servers that share the budgets.
    pub(crate) fn others(&self) -> Option<&OtherServers> {
        self.others.as_ref()
    }

    /// Learns what other servers have used of a label's budget, before a turn is decided about. While their engine is away,
    /// what is known decides.
    pub(crate) async fn learn(&self, label: Option<&str>) {
        let (Some(label), Some(others)) = (label, &self.others) else { return };
        if self.budget(label).is_some() {
            let used = self.used.lock().unwrap_or_else(PoisonError::into_inner).get(label).copied();
            others.exchange(label, used.unwrap_or_default()).await;
        }
    }

    /// Decides about a turn of a label by the limits that are known; `now` is in seconds of the Unix epoch.
    ///
    /// # Errors
    /// 429 where a rule refuses it, or the label's budget is used up.
    pub(crate) fn decide(
        &self,
        label: Option<&str>,
        limits: Option<&Snapshot>,
        now: u64,
    ) -> Result<Option<Cap>, Failure> {
        self.admit(label, now)?;
        self.cap(label, limits, now)
    }

    /// Returns what the first rule that holds caps; nothing is counted.
    ///
    /// # Errors
    /// 429 where that rule refuses the turn.
    pub(crate) fn cap(
        &self,
        label: Option<&str>,
        limits: Option<&Snapshot>,
        now: u64,
    ) -> Result<Option<Cap>, Failure> {
        let rules = self.rules.iter();
        let mut rules = rules.filter(|rule| rule.label.is_none() || rule.label.as_deref() == label);
        let Some((rule, window)) = rules.find_map(|rule| Some((rule, holds(rule, limits?, now)?)))
        else {
            return Ok(None);
        };
        let name: Arc<str> = rule.text.as_str().into();
        match &rule.then {
            Then::Refuse => Err(refused(rule, &window, now)),
            Then::Effort(effort) => Ok(Some(Cap::of_effort(name, *effort))),
            Then::Model(model) => Ok(Some(Cap::of_model(name, model.clone()))),
        }
    }

    /// Returns whether there are rules, for which the limits have to be known.
    pub(crate) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Returns the models that rules put in the place of others, each with its rule.
    pub(crate) fn models(&self) -> impl Iterator<Item = (&GuardRule, &str)> {
        self.rules.iter().filter_map(|rule| Some((rule, rule.model()?)))
    }

    /// Returns how many answers a label may have at once.
    pub(crate) fn concurrent(&self, label: &str) -> Option<usize> {
        self.budget(label)?.concurrent
    }

    /// The budget of a label: its own, else that of each.
    fn budget(&self, label: &str) -> Option<&Budget> {
        let own = self.budgets.iter().find(|budget| budget.label == label);
        own.or_else(|| self.budgets.iter().find(|budget| budget.label == "*"))
    }

    /// Counts a request of a label, where its budget allows one more.
    fn admit(&self, label: Option<&str>, now: u64) -> Result<(), Failure> {
        let Some(label) = label else { return Ok(()) };
        let Some(budget) = self.budget(label) else { return Ok(()) };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MAX_LABELS && !used.contains_key(label) {
            return Ok(());
        }
        let used = used.entry(label.to_owned()).or_default();
        used.advance(budget, now);
        let (tokens, requests) =
            self.others.as_ref().map(|others| others.used(label, *used)).unwrap_or_default();
        if budget.tokens_per_day.is_some_and(|most| used.tokens.saturating_add(tokens) >= most) {
            return Err(spent(budget, "tokens of a day", DAY - now % DAY));
        }
        if budget
            .requests_per_minute
            .is_some_and(|most| used.requests.saturating_add(requests) >= most)
        {
            return Err(spent(budget, "requests of a minute", 60 - now % 60));
        }
        used.requests += 1;
        if let Some(others) = &self.others {
            others.tell(label, *used);
        }
        Ok(())
    }

    /// Takes tokens that a turn used from the budget of its label.
    pub(crate) fn spend(&self, label: Option<&str>, tokens: u64, now: u64) {
        let Some(label) = label.filter(|_| tokens > 0) else { return };
        let Some(budget) = self.budget(label) else { return };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MAX_LABELS && !used.contains_key(label) {
            return;
        }
        let used = used.entry(label.to_owned()).or_default();
        used.advance(budget, now);
        used.tokens = used.tokens.saturating_add(tokens);
        if let Some(others) = &self.others {
            others.tell(label, *used);
        }
    }
}

impl Used {
    /// Begins new periods. What running turns used beyond the budget is carried into the next day; a clock that is set
    /// back begins none.
    fn advance(&mut self, budget: &Budget, now: u64) {
        let (day, minute) = (now / DAY, now / 60);
        if day > self.day {
            let periods = day - self.day;
            let most = budget.tokens_per_day.unwrap_or(u64::MAX);
            self.tokens = self.tokens.saturating_sub(most.saturating_mul(periods));
            self.day = day;
        }
        if minute > self.minute {
            (self.minute, self.requests) = (minute, 0);
        }
    }
}

/// Returns the window by which a rule holds. One whose figure is not known, or that has begun again since, is none.
fn holds(rule: &GuardRule, limits: &Snapshot, now: u64) -> Option<Window> {
    let windows = [limits.primary, limits.secondary].into_iter().flatten();
    let mut current = windows.filter(|window| window.resets_at.is_none_or(|reset| reset > now));
    match rule.when {
        When::Used { window, percent } => {
            current.find(|known| known.window_minutes == window && known.used_percent > percent)
        }
        When::Before { minute, percent } if now % DAY / 60 < minute => {
            current.find(|known| known.used_percent > percent)
        }
        When::Before { .. } => None,
    }
}

fn refused(rule: &GuardRule, window: &Window, now: u64) -> Failure {
    let reset = window.resets_at.map(|reset| reset.saturating_sub(now));
    let until = match rule.when {
        When::Before { minute, .. } => Some((minute * 60).saturating_sub(now % DAY)),
        When::Used { .. } => None,
    };
    let wait = [reset, until].into_iter().flatten().min();
    let begins = wait.map(|wait| format!("; it holds for {}", length(wait))).unwrap_or_default();
    let message = format!(
        "the rule \"{}\" of --guard refuses this: {} % of the window of {} are used{begins}",
        rule.text,
        window.used_percent.round(),
        length(window.window_minutes * 60)
    );
    Failure::new(FailureKind::RateLimited { retry_after: wait }, message).with_code("guard_refused")
}

fn spent(budget: &Budget, what: &str, wait: u64) -> Failure {
    let message = format!(
        "the {what} of the budget \"{}\" (--budget) are used up; it begins again in {}",
        budget.text,
        length(wait)
    );
    let kind = FailureKind::RateLimited { retry_after: Some(wait) };
    Failure::new(kind, message).with_code("budget_used_up")
}

/// A time for people.
fn length(seconds: u64) -> String {
    match (seconds / 86_400, seconds % 86_400 / 3600, seconds % 3600 / 60) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use chatmock_protocol::effort::Effort;

    use super::*;

    /// A Monday at noon, UTC.
    const NOW: u64 = 1_796_040_000 - 1_796_040_000 % DAY + DAY / 2;

    fn window(minutes: u64, used: f64, resets_at: Option<u64>) -> Option<Window> {
        Some(Window { used_percent: used, window_minutes: minutes, resets_at })
    }

    fn limits(five_hours: f64, week: f64) -> Snapshot {
        Snapshot {
            primary: window(300, five_hours, Some(NOW + 3600)),
            secondary: window(10_080, week, Some(NOW + 3 * DAY)),
            ..Snapshot::default()
        }
    }

    /// The decision in a word.
    fn decision(
        rules: &[&str],
        label: Option<&str>,
        limits: Option<&Snapshot>,
        now: u64,
    ) -> String {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        match QuotaGuard::new(rules, Vec::new()).decide(label, limits, now) {
            Ok(None) => "passes".to_owned(),
            Ok(Some(Cap { effort: Some(effort), .. })) => effort.to_string(),
            Ok(Some(Cap { model, .. })) => model.unwrap(),
            Err(failure) => {
                assert_eq!(
                    (failure.status(), failure.code.as_deref()),
                    (429, Some("guard_refused"))
                );
                format!("refused for {}", failure.retry_after().unwrap_or_default())
            }
        }
    }

    #[test]
    fn the_first_rule_that_holds_decides() {
        let rules = ["5h>95%:refuse", "weekly>90%:model=gpt-6-luna", "weekly>80%:effort<=low"];
        let cron = ["label=cron: weekly>50%:refuse", "weekly>80%:effort<=low"];
        let reserve = ["reserve 20% until 18:00"];
        let evening = NOW + DAY / 4;
        let unset = |reset| {
            Some(Snapshot { secondary: window(10_080, 99.0, reset), ..Snapshot::default() })
        };
        for (rules, label, limits, now, expected) in [
            (&rules[..], None, Some(limits(10.0, 80.0)), NOW, "passes"),
            (&rules, None, Some(limits(10.0, 80.5)), NOW, "low"),
            (&rules, None, Some(limits(10.0, 91.0)), NOW, "gpt-6-luna"),
            (&rules, None, Some(limits(96.0, 91.0)), NOW, "refused for 3600"),
            (&rules, None, None, NOW, "passes"),
            (&rules, None, Some(Snapshot::default()), NOW, "passes"),
            (&rules, None, Some(limits(96.0, 10.0)), NOW + 3600, "passes"),
            (&rules, None, Some(limits(96.0, 91.0)), NOW + 3600, "gpt-6-luna"),
            (&rules, None, unset(None), NOW, "gpt-6-luna"),
            (&rules, None, unset(Some(NOW)), NOW, "passes"),
            (&cron, Some("cron"), Some(limits(1.0, 51.0)), NOW, "refused for 259200"),
            (&cron, Some("ann"), Some(limits(1.0, 51.0)), NOW, "passes"),
            (&cron, None, Some(limits(1.0, 81.0)), NOW, "low"),
            (&reserve, None, Some(limits(1.0, 81.0)), NOW, "refused for 21600"),
            (&reserve, None, Some(limits(1.0, 80.0)), NOW, "passes"),
            (&reserve, None, Some(limits(1.0, 81.0)), evening, "passes"),
            (&["daily>1%:refuse"], None, Some(limits(99.0, 99.0)), NOW, "passes"),
        ] {
            let decided = decision(rules, label, limits.as_ref(), now);
            assert_eq!(decided, expected, "{rules:?} {label:?} {now}");
        }
    }

    fn budget(text: &str) -> QuotaGuard {
        QuotaGuard::new(Vec::new(), vec![text.parse().unwrap()])
    }

    fn code(guard: &QuotaGuard, label: &str, now: u64) -> Option<(String, u64)> {
        let failure = guard.decide(Some(label), None, now).err()?;
        assert_eq!(failure.status(), 429);
        Some((failure.code.clone().unwrap().into_owned(), failure.retry_after().unwrap()))
    }

    #[test]
    fn a_budget_is_of_its_label_and_an_over_run_is_carried_into_the_next_day() {
        let guard = budget("ann: tokens/day=100");
        assert_eq!(code(&guard, "ann", NOW), None);
        guard.spend(Some("ann"), 250, NOW);
        guard.spend(Some("ben"), 250, NOW);
        assert_eq!(code(&guard, "ann", NOW), Some(("budget_used_up".to_owned(), DAY / 2)));
        assert_eq!(code(&guard, "ben", NOW), None);
        assert!(code(&guard, "ann", NOW + DAY).is_some(), "150 of 250 are left over");
        assert_eq!(code(&guard, "ann", NOW + 2 * DAY), None, "50 are left over");
        guard.spend(Some("ann"), 50, NOW + 2 * DAY);
        assert!(code(&guard, "ann", NOW + 2 * DAY).is_some());
        assert_eq!(code(&guard, "ann", NOW + 30 * DAY), None, "a clock that jumps begins again");
        guard.spend(Some("ann"), 100, NOW + 30 * DAY);
        assert!(code(&guard, "ann", NOW).is_some(), "a clock that is set back begins nothing");
    }

    #[test]
    fn requests_of_a_minute_are_counted_for_each_label() {
        let guard = budget("*: requests/min=2, concurrent=3");
        for label in ["ann", "ben"] {
            assert_eq!((code(&guard, label, NOW), code(&guard, label, NOW)), (None, None));
            assert_eq!(code(&guard, label, NOW), Some(("budget_used_up".to_owned(), 60)));
            assert_eq!(code(&guard, label, NOW + 60), None);
            assert_eq!(guard.concurrent(label), Some(3));
        }
        assert_eq!(guard.decide(None, None, NOW), Ok(None));
        assert_eq!(Effort::Low.to_string(), "low");
    }
}

//! Limits as bars.

use super::usage::{Credits, Limit, Usage, Window};
use crate::dates;
use crate::screen::{Paint, Screen, shown};

/// The length of a bar, in characters.
const BAR: usize = 20;

/// From here on a bar is worth a look, in percent.
const CARE: f64 = 75.0;
/// From here on little is left.
const LITTLE: f64 = 90.0;

/// The column below which a line goes on.
const INDENT: usize = 14;

/// Draws a bar for every window of every limit, and a line for the credits.
fn draw(usage: &Usage, now: i64, screen: Screen) -> Vec<String> {
    let mut lines = Vec::new();
    for limit in &usage.limits {
        lines.extend(limit.name.as_ref().map(|name| format!("  {}", shown(name))));
        lines.extend(limit.windows.iter().map(|window| bar(window, now, screen)));
        lines.extend(limit.reached.then(|| reached(limit, screen)));
    }
    if usage.limits.is_empty() {
        lines.push("  The backend reports no limits.".to_owned());
    }
    lines.extend(
        usage.credits.as_ref().map(|left| format!("  {:<11} {}", "Credits", credits(left))),
    );
    let resets = usage.reset_credits.filter(|count| *count > 0);
    lines.extend(resets.map(|count| {
        let credits = if count == 1 { "credit" } else { "credits" };
        format!("  {:<11} {count} {credits} (chatmock-auth reset-credit)", "Resets")
    }));
    lines
}

/// Prints the bars and the credits.
pub(super) fn tell(usage: &Usage, now: i64, screen: Screen) {
    draw(usage, now, screen).iter().for_each(|line| screen.hanging(line, INDENT));
}

fn bar(window: &Window, now: i64, screen: Screen) -> String {
    let (full, empty) = if screen.unicode { ("█", "░") } else { ("#", "-") };
    let used = window.used.clamp(0.0, 100.0);
    // Rounded, but never empty while something is used.
    let cells = ((used * BAR as f64 / 100.0).round() as usize).clamp(usize::from(used > 0.0), BAR);
    let bar = format!("{}{}", full.repeat(cells), empty.repeat(BAR - cells));
    let paint = match used {
        LITTLE.. => Paint::Bad,
        CARE.. => Paint::Warning,
        _ => Paint::Good,
    };
    let resets = window.resets.map(|at| match at {
        // Of a window that was read earlier.
        _ if at <= now => format!(", has reset since ({})", dates::moment(at)),
        _ => format!(", resets {}", dates::from_now(at, now)),
    });
    format!(
        "  {:<11} {} {:>3.0} % used{}",
        dates::window(window.minutes),
        screen.paint(paint, &bar),
        window.used,
        resets.unwrap_or_default(),
    )
}

fn reached(limit: &Limit, screen: Screen) -> String {
    let which = if limit.name.is_some() { "This limit" } else { "The limit" };
    screen
        .paint(Paint::Bad, &format!("  {which} is reached: requests are refused until it resets."))
}

fn credits(credits: &Credits) -> String {
    match (credits.unlimited, credits.some, &credits.balance) {
        (true, ..) => "unlimited".to_owned(),
        (false, true, Some(balance)) => format!("{} left", shown(balance)),
        (false, true, None) => "some left".to_owned(),
        (false, false, _) => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(used: f64, minutes: u64, resets: Option<i64>) -> Window {
        Window { used, minutes, resets }
    }

    fn drawn(limits: Vec<Limit>, credits: Option<Credits>) -> String {
        draw(&Usage { plan: None, limits, credits, reset_credits: None }, 0, Screen::default())
            .join("\n")
    }

    #[test]
    fn every_window_is_named_by_its_own_length() {
        let windows = vec![window(12.4, 300, Some(9000)), window(100.0, 43_200, None)];
        let text = drawn(vec![Limit { windows, ..Limit::default() }], None);
        let at = dates::moment(9000);
        assert_eq!(
            text,
            format!(
                "  5 hours     ##------------------  12 % used, resets in 2 h 30 min ({at})\n\
                 \u{20} 30 days     #################### 100 % used"
            )
        );
    }

    #[test]
    fn a_window_that_is_over_says_so() {
        let text = bar(&window(50.0, 60, Some(60)), 60, Screen::default());
        assert!(
            text.ends_with(&format!("50 % used, has reset since ({})", dates::moment(60))),
            "{text}"
        );
    }

    #[test]
    fn a_bar_is_never_too_long_and_never_hides_a_beginning() {
        for (used, cells) in [(0.0, 0), (0.1, 1), (49.0, 10), (99.9, 20), (250.0, 20)] {
            let text = bar(&window(used, 60, None), 0, Screen::default());
            assert_eq!(text.matches('#').count(), cells, "{text}");
            assert_eq!(text.matches(['#', '-']).count(), BAR, "{text}");
        }
    }

    #[test]
    fn further_limits_have_their_name_above_and_reached_ones_say_so() {
        let windows = vec![window(100.0, 10_080, None)];
        let text =
            drawn(vec![Limit { name: Some("S\u{1b}park".into()), reached: true, windows }], None);
        assert!(text.starts_with("  S\\u{1b}park\n  7 days "), "{text}");
        assert!(text.ends_with("This limit is reached: requests are refused until it resets."));
        assert!(drawn(Vec::new(), None).contains("no limits"));
    }

    #[test]
    fn credits_are_told_as_the_backend_writes_them() {
        let of = |some, unlimited, balance: Option<&str>| {
            credits(&Credits { some, unlimited, balance: balance.map(Into::into) })
        };
        assert_eq!(of(false, false, Some("0")), "none");
        assert_eq!(of(true, false, Some("12.50")), "12.50 left");
        assert_eq!(of(true, false, None), "some left");
        assert_eq!(of(false, true, None), "unlimited");
    }
}

//! The choice of a way to sign in.

use crate::env::Surroundings;
use crate::settings::Wanted;

/// A way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Open a browser here.
    Browser,
    /// Print the address, for a browser anywhere.
    Address,
    /// Print a code.
    Device {
        /// Whether the person asked for it.
        chosen: bool,
    },
}

/// Chooses a way. `reachable` says that the person told where the browser can come back to.
pub(crate) fn way(wanted: Wanted, reachable: bool, around: &Surroundings) -> Way {
    let no_window = !around.display || around.remote || around.container;
    match wanted {
        Wanted::Device => Way::Device { chosen: true },
        Wanted::Address => Way::Address,
        // Editors that work on other machines name a browser that opens on the person's own.
        Wanted::Either if around.browser.is_some() => Way::Browser,
        Wanted::Either if !no_window => Way::Browser,
        Wanted::Either if reachable => Way::Address,
        Wanted::Either => Way::Device { chosen: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_used_where_no_browser_can_be() {
        let desktop = Surroundings { display: true, ..Surroundings::default() };
        assert_eq!(way(Wanted::Either, false, &desktop), Way::Browser);
        for around in [
            Surroundings { display: false, ..desktop.clone() },
            Surroundings { remote: true, ..desktop.clone() },
            Surroundings { container: true, ..desktop.clone() },
        ] {
            assert_eq!(way(Wanted::Either, false, &around), Way::Device { chosen: false });
            assert_eq!(way(Wanted::Either, true, &around), Way::Address);
            assert_eq!(way(Wanted::Address, false, &around), Way::Address);
            let named = Surroundings { browser: Some("helper".into()), ..around };
            assert_eq!(way(Wanted::Either, false, &named), Way::Browser);
        }
        assert_eq!(way(Wanted::Device, true, &desktop), Way::Device { chosen: true });
        assert_eq!(way(Wanted::Address, false, &desktop), Way::Address);
    }
}

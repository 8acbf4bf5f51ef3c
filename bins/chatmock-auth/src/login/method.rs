//! The choice of a method to sign in.

use crate::env::Environment;
use crate::settings::RequestedMethod;

/// A method to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginMethod {
    /// Open a browser here.
    Browser,
    /// Print the address, for a browser anywhere.
    Address,
    /// Print a code.
    Device {
        /// True if the person asked for it.
        chosen: bool,
    },
}

/// Chooses a method. `reachable` means that a browser elsewhere can return to this machine.
pub(crate) fn choose(
    requested: RequestedMethod,
    reachable: bool,
    environment: &Environment,
) -> LoginMethod {
    let no_window = !environment.display || environment.remote || environment.container;
    match requested {
        RequestedMethod::Device => LoginMethod::Device { chosen: true },
        RequestedMethod::Address => LoginMethod::Address,
        // Editors that work on other machines name a browser that opens on the person's own.
        RequestedMethod::Either if environment.browser.is_some() => LoginMethod::Browser,
        RequestedMethod::Either if !no_window => LoginMethod::Browser,
        RequestedMethod::Either if reachable => LoginMethod::Address,
        RequestedMethod::Either => LoginMethod::Device { chosen: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_used_where_no_browser_can_be() {
        let desktop = Environment { display: true, ..Environment::default() };
        assert_eq!(choose(RequestedMethod::Either, false, &desktop), LoginMethod::Browser);
        for environment in [
            Environment { display: false, ..desktop.clone() },
            Environment { remote: true, ..desktop.clone() },
            Environment { container: true, ..desktop.clone() },
        ] {
            assert_eq!(
                choose(RequestedMethod::Either, false, &environment),
                LoginMethod::Device { chosen: false }
            );
            assert_eq!(choose(RequestedMethod::Either, true, &environment), LoginMethod::Address);
            assert_eq!(choose(RequestedMethod::Address, false, &environment), LoginMethod::Address);
            let named = Environment { browser: Some("helper".into()), ..environment };
            assert_eq!(choose(RequestedMethod::Either, false, &named), LoginMethod::Browser);
        }
        assert_eq!(
            choose(RequestedMethod::Device, true, &desktop),
            LoginMethod::Device { chosen: true }
        );
        assert_eq!(choose(RequestedMethod::Address, false, &desktop), LoginMethod::Address);
    }
}

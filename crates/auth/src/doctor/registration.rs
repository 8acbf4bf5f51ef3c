//! The registration of this installation, compared with the client of the sign-in.

use super::Check;
use crate::blocking::blocking;
use crate::home::Home;
use crate::registration::{Registration, RegistrationError, path};

/// Checks the registration, which only some routes need.
pub async fn registration(home: &Home) -> Check {
    let name = "registration";
    let (place, own) = (path(home.path()), home.clone());
    let read = blocking(move || (Registration::load(&place), own.load().ok().flatten())).await;
    let (known, file) = match read {
        Ok((Ok(Some(known)), file)) => (known, file),
        Ok((Ok(None), _)) => {
            return Check::ok(name, "none; the first sign-in on the plan route makes one");
        }
        Ok((Err(error), _)) => return broken(name, &error),
        Err(error) => return Check::warn(name, error.to_string(), "run the check again"),
    };
    let (Some(client_id), Some(issuer)) = (&known.client_id, &known.issuer) else {
        return Check::ok(name, "none yet; the next sign-in on the plan route makes one");
    };
    let provenance = file.filter(|file| file.tokens().is_some()).map(|file| file.provenance());
    let registers =
        |provenance: &crate::Provenance| provenance.route.profile().is_some_and(|p| p.registers);
    let other =
        provenance.filter(registers).is_some_and(|it| it.client_id.as_ref() != Some(client_id));
    if other {
        let detail = "the sign-in was issued to another client than this installation's";
        return Check::warn(
            name,
            detail,
            "no action needed while renewals work; otherwise sign in again",
        );
    }
    Check::ok(name, format!("{client_id}, issued by {issuer}"))
}

fn broken(name: &'static str, error: &RegistrationError) -> Check {
    let fix = "remove the file: the next sign-in on the plan route makes a new one";
    Check::fail(name, error.to_string(), fix)
}

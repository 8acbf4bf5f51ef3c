//! Made-up grants for the tests.

use super::Grant;
use crate::claims::sample::{ACCOUNT, jwt, payload};
use crate::secret::Secret;

/// A whole grant whose refresh token is `refresh`.
pub(crate) fn grant(exp: i64, refresh: &str) -> Grant {
    let access = jwt(&payload(exp, ACCOUNT, refresh));
    Grant {
        id_token: Some(jwt(&payload(1, ACCOUNT, "id"))),
        access_token: Some(access),
        refresh_token: Some(Secret::new(refresh)),
        ..Grant::default()
    }
}

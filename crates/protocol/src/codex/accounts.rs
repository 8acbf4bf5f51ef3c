//! `GET /wham/accounts/check`: a person's workspaces, and where their data must stay.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::json::{ReadError, read};

/// A workspace. Everything but the id may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// The id, as in the header `chatgpt-account-id`.
    #[serde(default)]
    pub id: String,
    /// `NO_CONSTRAINT`, or the origin that calls must go to.
    #[serde(default)]
    pub workspace_backend_origin: Option<String>,
    /// `NO_CONSTRAINT`, or the region that calls must name, such as `us`.
    #[serde(default)]
    pub account_routing_override: Option<String>,
}

/// Parses `{"accounts": …}`, which is a list, or a map by id.
///
/// # Errors
/// A [`ReadError`] when the body is neither.
pub fn read_accounts(body: &[u8]) -> Result<Vec<Account>, ReadError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Accounts {
        List(Vec<Account>),
        Map(BTreeMap<String, Account>),
    }

    #[derive(Deserialize)]
    struct Body {
        accounts: Accounts,
    }

    let body: Body = read(body)?;
    Ok(match body.accounts {
        Accounts::List(accounts) => accounts,
        Accounts::Map(accounts) => {
            accounts.into_iter().map(|(id, account)| Account { id, ..account }).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_and_a_map_tell_the_same() {
        let list = read_accounts(br#"{"accounts":[{"id":"a","account_routing_override":"us"}]}"#);
        let map = read_accounts(br#"{"accounts":{"a":{"account_routing_override":"us"}}}"#);
        assert_eq!(list.unwrap(), map.unwrap());
        assert!(read_accounts(br#"{"accounts":7}"#).is_err());
    }
}

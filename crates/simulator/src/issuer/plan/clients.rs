//! The registered installations, with their pending sign-ins.

use std::collections::{HashMap, HashSet};

/// The registered installations, with their pending sign-ins.
#[derive(Debug, Default)]
pub(super) struct ClientRegistry {
    issued: u64,
    /// The host of each client.
    hosts: HashMap<String, String>,
    codes: HashMap<String, AuthorizationCode>,
    /// States and nonces that were used; each is valid for one sign-in.
    used: HashSet<String>,
}

/// A code that a browser brings to the token endpoint.
#[derive(Debug)]
pub(super) struct AuthorizationCode {
    pub(super) challenge: String,
    pub(super) redirect_uri: String,
    pub(super) client_id: String,
    pub(super) nonce: String,
}

impl ClientRegistry {
    /// Registers an installation on a host; returns its client id.
    pub(super) fn register(&mut self, host: &str) -> String {
        self.issued += 1;
        let client = format!("oaiapp_simulated_{:06}", self.issued);
        self.hosts.insert(client.clone(), host.to_owned());
        client
    }

    /// Returns the host of a client, if it is registered.
    pub(super) fn host(&self, client_id: &str) -> Option<&str> {
        self.hosts.get(client_id).map(String::as_str)
    }

    /// Returns whether no sign-in has used this state or nonce.
    pub(super) fn is_unused(&self, word: &str) -> bool {
        !self.used.contains(word)
    }

    /// Marks states and nonces as used.
    pub(super) fn mark_used(&mut self, words: [&str; 2]) {
        self.used.extend(words.map(str::to_owned));
    }

    /// Issues an authorization code.
    pub(super) fn issue_code(&mut self, grant: AuthorizationCode) -> String {
        self.issued += 1;
        let code = format!("ac_simulated_plan_{:06}", self.issued);
        self.codes.insert(code.clone(), grant);
        code
    }

    /// Redeems an authorization code, which works once.
    pub(super) fn redeem(&mut self, code: &str) -> Option<AuthorizationCode> {
        self.codes.remove(code)
    }
}

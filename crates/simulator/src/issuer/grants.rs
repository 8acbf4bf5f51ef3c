//! The pending grants: codes to redeem and device codes to poll.

use std::collections::HashMap;

/// The pending grants.
#[derive(Debug, Default)]
pub(super) struct PendingGrants {
    issued: u64,
    codes: HashMap<String, AuthorizationCode>,
    devices: HashMap<String, DeviceGrant>,
}

/// A code that a browser or a device brings to the token endpoint.
#[derive(Debug)]
pub(super) struct AuthorizationCode {
    pub(super) challenge: String,
    pub(super) redirect_uri: String,
}

#[derive(Debug)]
struct DeviceGrant {
    user_code: String,
    pending: u32,
}

/// The result of a poll for a device code.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DevicePoll {
    /// The code does not exist, or was redeemed.
    Unknown,
    /// The person has not approved it yet.
    Pending,
    /// It is approved, and cannot be polled again.
    Approved,
}

impl PendingGrants {
    /// Issues an authorization code.
    pub(super) fn issue_code(&mut self, challenge: &str, redirect_uri: &str) -> String {
        self.issued += 1;
        let code = format!("ac_simulated_{:06}", self.issued);
        let grant = AuthorizationCode {
            challenge: challenge.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
        };
        self.codes.insert(code.clone(), grant);
        code
    }

    /// Redeems an authorization code, which works once.
    pub(super) fn redeem(&mut self, code: &str) -> Option<AuthorizationCode> {
        self.codes.remove(code)
    }

    /// Issues a device code that stays pending for a number of polls; returns its id and the user's
    /// code.
    pub(super) fn issue_device(&mut self, pending: u32) -> (String, String) {
        self.issued += 1;
        let id = format!("deviceauth_{:06}", self.issued);
        let user_code = format!("SIMU-{:05}", self.issued);
        self.devices.insert(id.clone(), DeviceGrant { user_code: user_code.clone(), pending });
        (id, user_code)
    }

    /// Polls a device code.
    pub(super) fn poll_device(&mut self, id: &str, user_code: &str) -> DevicePoll {
        let device = self.devices.get_mut(id).filter(|device| device.user_code == user_code);
        match device {
            None => DevicePoll::Unknown,
            Some(device) if device.pending > 0 => {
                device.pending -= 1;
                DevicePoll::Pending
            }
            Some(_) => {
                self.devices.remove(id);
                DevicePoll::Approved
            }
        }
    }
}

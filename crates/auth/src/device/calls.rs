//! The calls of a device sign-in.

use reqwest::StatusCode;
use serde::Serialize;

use super::{DeviceCode, DeviceReply};
use crate::endpoint::{Endpoint, EndpointError, ServiceWords};

impl Endpoint {
    /// Asks for a device code.
    pub async fn device_code(&self) -> Result<DeviceCode, EndpointError> {
        #[derive(Serialize)]
        struct ForClient<'a> {
            client_id: &'a str,
        }
        let body = ForClient { client_id: self.client_id() };
        let call = self.post("/api/accounts/deviceauth/usercode", &body)?;
        let (status, body) = self.call(call).await?;
        match status {
            status if status.is_success() => {
                DeviceCode::read(&body?, self.issuer()).ok_or(EndpointError::Unreadable)
            }
            status if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                let words = ServiceWords::read(&body.unwrap_or_default());
                Err(EndpointError::NoDeviceSignIn(words))
            }
            status => Err(EndpointError::Status(status.as_u16())),
        }
    }

    /// Asks once whether a device code was approved. An issuer that cannot be reached is a reply,
    /// too: the person may be approving the code meanwhile.
    pub async fn poll_device(&self, device: &DeviceCode) -> Result<DeviceReply, EndpointError> {
        let call = self.post("/api/accounts/deviceauth/token", &device.poll())?;
        let Ok((status, body)) = self.call(call).await else { return Ok(DeviceReply::lost()) };
        Ok(DeviceReply::new(status.as_u16(), body.unwrap_or_default()))
    }
}

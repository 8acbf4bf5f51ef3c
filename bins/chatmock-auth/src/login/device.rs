//! The sign-in with a code that the person enters at a page, on any machine.

use std::time::Instant;

use anyhow::anyhow;
use chatmock_auth::{
    DEVICE_CODE_LIFE, Device, DeviceCode, DeviceRefusal, EndpointError, SignInError, SignedIn,
};

use super::{LoginFlow, MethodError, command_error, stopped};
use crate::exit::CommandError;
use crate::screen::Paint;

impl LoginFlow<'_> {
    /// Shows a code, waits until it is approved, and signs in.
    pub(super) async fn by_device(&self) -> Result<SignedIn, MethodError> {
        let stop = &self.context.stop;
        let code = tokio::select! {
            code = self.endpoint.device_code() => code,
            code = stop.asked() => return Err(stopped(code)),
        };
        let code = code.map_err(|error| match error {
            // Without an answer, the address would get no tokens either.
            error @ (EndpointError::Unreachable(_) | EndpointError::Issuer(_)) => error.into(),
            error => MethodError::NoCodes(error),
        })?;
        self.tell_code(&code);
        let mut device = Device::new(code, Instant::now());
        let sign_in = self.sign_in();
        let approved = tokio::select! {
            approved = sign_in.await_device(&mut device) => approved,
            code = stop.asked() => return Err(stopped(code)),
        };
        self.complete(&approved.map_err(refused)?).await
    }

    fn tell_code(&self, code: &DeviceCode) {
        let screen = self.context.screen;
        screen.line("Open this page in a browser on any machine and enter the code:");
        screen.line("");
        screen.field("Page", code.page());
        screen.field("Code", code.user_code());
        screen.line("");
        // Whether codes are allowed is a setting of the account, which only the page knows.
        screen.line(
            "If the page does not allow codes, stop here with Ctrl-C and sign in with an address, \
             from any browser: chatmock-auth login --no-browser",
        );
        screen.line("");
        let minutes = DEVICE_CODE_LIFE.as_secs() / 60;
        screen.line(format_args!(
            "{} enter this code only if you started this sign-in yourself, and only on the page \
             above. A code that somebody sends you signs that person in to your account.",
            screen.paint(Paint::Warning, "Beware:")
        ));
        screen.line(format_args!(
            "Waiting for your approval; the code is valid for {minutes} minutes. Ctrl-C stops."
        ));
    }
}

fn refused(error: SignInError) -> MethodError {
    if matches!(error, SignInError::Device(DeviceRefusal::Denied)) {
        return CommandError::Declined(anyhow!(error).context("nothing was changed")).into();
    }
    command_error(error).into()
}

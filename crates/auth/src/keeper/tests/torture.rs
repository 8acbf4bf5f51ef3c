//! Each call of the system on the way of renewed tokens to the disk, failed once.

use super::*;
use crate::home::Home;
use crate::private::faults::Fault;
use crate::store::StoreChoice;

#[tokio::test]
async fn a_renewal_with_one_failing_call_never_loses_the_sign_in() {
    for nth in 1.. {
        let issuer = rotating().await;
        let folder = tempfile::tempdir().unwrap();
        let home = Home::with_keyring(folder.path(), StoreChoice::File, None);
        home.active().save(&lasting(-10, "rt-1")).unwrap();
        let keeper = keeper(&issuer, home.active());
        let fault = Fault::at(folder.path(), nth);
        let first = keeper.current().await;
        let happened = fault.happened();
        drop(fault);
        // Tokens that were spent for are used at once, saved or not.
        assert!(first.is_ok() || issuer.posts().is_empty(), "call {nth}: {first:?}");
        let session = keeper.current().await.unwrap_or_else(|error| panic!("call {nth}: {error}"));
        keeper.finish().await;
        let stored = home.load().unwrap().unwrap();
        let stored = stored.tokens().unwrap();
        assert_eq!(stored.access_token().as_ref(), Some(&session.access_token), "call {nth}");
        assert_eq!(issuer.posts().len(), 1, "call {nth}: the refresh token is good once");
        if !happened {
            assert!(nth > 20, "{nth} calls were failed");
            return;
        }
    }
}

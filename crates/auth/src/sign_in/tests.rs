//! A save that fails at any call of the system, with a simulated issuer beside it.

use chatmock_simulator::{Claims, Settings, Simulator};

use super::*;
use crate::endpoint::EndpointSettings;
use crate::private::faults::Fault;
use crate::store::StoreChoice;

/// More calls than a save makes.
const MOST_CALLS: usize = 100;

fn endpoint(simulator: &Simulator) -> Endpoint {
    Endpoint::new(EndpointSettings {
        issuer: &simulator.issuer(),
        client_id: crate::CLIENT_ID,
        originator: "chatmock-test",
        user_agent: "chatmock-test/1.0",
    })
    .unwrap()
}

fn tokens(simulator: &Simulator) -> AuthFile {
    AuthFile::parse(simulator.tokens(Claims::default()).auth_json().as_bytes()).unwrap()
}

/// Whether the issuer was asked to end a sign-in.
fn was_revoked(simulator: &Simulator, file: &AuthFile) -> bool {
    let token = file.key_token().unwrap();
    let calls = simulator.requests();
    let mut revoked = calls.iter().filter(|call| call.path == "/oauth/revoke");
    revoked.any(|call| call.json()["token"] == token.expose())
}

#[tokio::test]
async fn new_tokens_are_held_here_or_ended_at_the_issuer_wherever_a_save_fails() {
    let simulator = Simulator::start(Settings::default()).await.unwrap();
    let endpoint = endpoint(&simulator);
    let (mut ended, mut held_anyway) = (0, 0);
    for nth in 1..MOST_CALLS {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::with_keyring(folder.path(), StoreChoice::File, None);
        let (before, file) = (tokens(&simulator), tokens(&simulator));
        home.active().save(&before).unwrap();
        let sign_in = SignIn {
            home: &home,
            endpoint: &endpoint,
            workspaces: &[],
            name: None,
            shared_with: None,
        };
        let obtained = Obtained {
            sign_in,
            account: Account::of(&file),
            file: file.clone(),
            registration: None,
        };
        let fault = Fault::at(folder.path(), nth);
        let saved = obtained.save(async |_| true).await;
        let over = !fault.happened();
        drop(fault);
        let held = home.active().load().unwrap().as_ref() == Some(&file);
        let revoked = was_revoked(&simulator, &file);
        assert_eq!(!revoked, held, "call {nth}: {saved:?}");
        let former = was_revoked(&simulator, &before);
        assert!(held || !former, "call {nth}: the present sign-in goes on");
        if let Ok(saved) = &saved {
            assert_eq!(former, saved.replaced.unread.is_empty(), "call {nth}: {saved:?}");
        }
        assert!(held || saved.is_err(), "call {nth}");
        ended += u64::from(revoked);
        held_anyway += u64::from(held && saved.is_err());
        if over {
            assert!(ended > 5 && held_anyway > 0, "{ended} ended, {held_anyway} held");
            return;
        }
    }
    panic!("a save makes more calls than {MOST_CALLS}");
}

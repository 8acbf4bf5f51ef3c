//! The pages' fixed parts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::page::{POLICY, SCRIPT, STYLE};
use super::{Bound, Loopback, LoopbackError, LoopbackSettings, Unavailable, unavailable};

#[test]
fn the_policy_knows_the_style_and_the_script_by_their_digests() {
    for text in [STYLE, SCRIPT] {
        let digest = STANDARD.encode(Sha256::digest(text));
        assert!(POLICY.contains(&format!("'sha256-{digest}'")), "{digest} of {text}");
    }
    assert!(POLICY.starts_with("default-src 'none'; "));
    assert!(!POLICY.contains("unsafe"));
}

#[test]
fn the_issuers_two_ports_are_tried_and_only_this_machine_is_listened_on() {
    let settings = LoopbackSettings::default();
    assert_eq!((settings.ports, settings.bind), (vec![1455, 1457], None));
}

/// Tries ports, some of which are taken.
async fn bound(unavailable: &[(u16, Unavailable)]) -> Result<Loopback, LoopbackError> {
    let settings = LoopbackSettings::default();
    let bind = |port: u16| {
        let fault = unavailable.iter().find(|(known, _)| *known == port);
        let bound: Bound = match fault {
            Some((_, why)) => Err(*why),
            None => {
                let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                socket.set_nonblocking(true).unwrap();
                Ok(vec![tokio::net::TcpListener::from_std(socket).unwrap()])
            }
        };
        std::future::ready(Ok(bound))
    };
    Loopback::first_of(&settings, bind).await
}

#[tokio::test]
async fn a_port_that_cannot_be_had_leads_to_the_next_and_then_to_an_address_to_paste() {
    use Unavailable::{Reserved, Taken};
    assert!(bound(&[]).await.unwrap().listens());
    for why in [Taken, Reserved] {
        assert!(bound(&[(1455, why)]).await.unwrap().listens());
    }
    for (first, second, port) in
        [(Reserved, Reserved, 1455), (Reserved, Taken, 1455), (Taken, Reserved, 1457)]
    {
        let pasted = bound(&[(1455, first), (1457, second)]).await.unwrap();
        assert_eq!((pasted.listens(), pasted.redirect().port), (false, port));
    }
    // The code would go to the program that listens there.
    let taken = bound(&[(1455, Taken), (1457, Taken)]).await;
    assert!(matches!(taken, Err(LoopbackError::Taken(ports)) if ports == [1455, 1457]));
}

#[test]
fn a_port_that_the_system_keeps_is_told_from_one_in_use() {
    use std::io::ErrorKind;
    for (kind, expected) in [
        (ErrorKind::AddrInUse, Some(Unavailable::Taken)),
        (ErrorKind::PermissionDenied, Some(Unavailable::Reserved)),
        (ErrorKind::AddrNotAvailable, Some(Unavailable::Reserved)),
        (ErrorKind::OutOfMemory, None),
    ] {
        assert_eq!(unavailable(kind), expected, "{kind:?}");
    }
}

//! A simulated issuer, a home, and a sign-in under way.

use std::net::SocketAddr;

use chatmock_auth::{
    CLIENT_ID, Endpoint, EndpointSettings, Home, KeeperSettings, Listening, Login, LoginAttempt,
    LoginSettings, Loopback, LoopbackSettings, Registration, SignIn, SignInRoute, StoreChoice,
    TokenKeeper,
};
use chatmock_simulator::{Claims, Settings, Simulator};
use tempfile::TempDir;

use crate::http::follow;

pub(crate) struct Harness {
    pub(crate) simulator: Simulator,
    pub(crate) endpoint: Endpoint,
    pub(crate) folder: TempDir,
    pub(crate) home: Home,
    /// What is signed in for.
    pub(crate) route: SignInRoute,
}

impl Harness {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let simulator = Simulator::start(settings).await.unwrap();
        let endpoint = endpoint(&simulator.issuer());
        let folder = tempfile::tempdir().unwrap();
        let home = Home::with_keyring(folder.path(), StoreChoice::File, None);
        Self { simulator, endpoint, folder, home, route: SignInRoute::CODEX }
    }

    /// A harness for the plan route.
    pub(crate) async fn of_plan() -> Self {
        Self { route: SignInRoute::PLAN, ..Self::new().await }
    }

    /// What is signed in with, for any workspace and without a name.
    pub(crate) fn sign_in(&self) -> SignIn<'_> {
        SignIn {
            home: &self.home,
            endpoint: &self.endpoint,
            workspaces: &[],
            name: None,
            shared_with: None,
        }
    }

    /// Begins a sign-in whose browser comes back to a listener.
    pub(crate) async fn begin(&self) -> UnderWay {
        let settings = LoopbackSettings { ports: vec![0], ..LoopbackSettings::default() };
        let loopback = Loopback::bind(&settings).await.unwrap();
        let registration = match &self.route.profile().unwrap().registers {
            true => Some(Registration::of(&self.home).await.unwrap()),
            false => None,
        };
        let (login, url) = Login::begin(LoginSettings {
            route: &self.route,
            issuer: self.endpoint.issuer(),
            client_id: CLIENT_ID,
            registration: registration.as_ref(),
            originator: "chatmock-test",
            redirect: loopback.redirect(),
            workspaces: &[],
        })
        .unwrap();
        let attempt = LoginAttempt::new(login);
        let address = loopback.addresses()[0];
        let listening = loopback.serve(&attempt);
        UnderWay { attempt, url: url.to_string(), address, listening }
    }

    /// Signs somebody in by their code, and saves.
    pub(crate) async fn signed_in(&self, claims: Claims) -> chatmock_auth::SignedIn {
        self.simulator.set_person(claims);
        let under_way = self.begin().await;
        under_way.paste().await;
        let exchange = under_way.attempt.code().await.unwrap();
        let obtained = self.sign_in().obtain(&exchange).await.unwrap();
        obtained.save(async |_| true).await.unwrap()
    }

    pub(crate) fn keeper(&self) -> TokenKeeper {
        let issuer = self.simulator.issuer();
        let settings = KeeperSettings {
            issuer,
            route: self.route.clone(),
            ..KeeperSettings::new("chatmock-test", "test/1")
        };
        TokenKeeper::new(&settings, self.home.store(), None).unwrap()
    }

    pub(crate) fn token_calls(&self) -> u64 {
        self.simulator.stats().count("POST /oauth/token")
    }

    /// The refresh token in the home.
    pub(crate) fn stored(&self) -> Option<String> {
        let file = self.home.load().unwrap()?;
        Some(file.tokens()?.refresh_token()?.expose().to_owned())
    }
}

pub(crate) fn endpoint(issuer: &str) -> Endpoint {
    Endpoint::new(EndpointSettings {
        issuer,
        client_id: CLIENT_ID,
        originator: "chatmock-test",
        user_agent: "chatmock-test/1.0",
    })
    .unwrap()
}

/// A sign-in that waits for its answer.
pub(crate) struct UnderWay {
    pub(crate) attempt: LoginAttempt,
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    pub(crate) listening: Listening,
}

impl UnderWay {
    /// Goes to the issuer, which sends the browser back: gives where to.
    pub(crate) async fn approved(&self) -> String {
        follow(&self.url).await
    }

    /// Pastes where the issuer sent the browser.
    pub(crate) async fn paste(&self) {
        let back = self.approved().await;
        assert_eq!(self.attempt.offer(&back), chatmock_auth::CallbackVerdict::Accepted);
    }

    /// The state in the address.
    pub(crate) fn state(&self) -> String {
        let query = self.url.split_once("state=").unwrap().1;
        query.split('&').next().unwrap().to_owned()
    }
}

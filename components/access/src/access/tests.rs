use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::*;
use crate::role::{Role, Scope};
use crate::settings::UserSettings;
use crate::testing::{at, clock, secret};

mod attacks;

const PASSWORD: &str = "correct horse battery";
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct Bench {
    folder: tempfile::TempDir,
    clock: Clock,
    access: Access,
}

impl Bench {
    /// With `ann`, an admin, in the file.
    async fn new() -> Self {
        Self::with(AccessSettings::default()).await
    }

    async fn with(settings: AccessSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let store = UserStore::new(folder.path());
        store.add("ann", &secret(PASSWORD), Role::Admin, Scope::all(), at(0)).unwrap();
        let (access, first) = Access::open(folder.path(), &settings, None, clock.clone()).await.unwrap();
        assert!(first.is_none());
        Self { folder, clock, access }
    }

    fn store(&self) -> UserStore {
        UserStore::new(self.folder.path())
    }

    async fn login(&self) -> Login {
        self.access.authenticate("ann", &secret(PASSWORD), PEER).await.unwrap()
    }

    async fn grant(&self) -> Grant {
        self.access.grant(&self.login().await).await.unwrap()
    }

    async fn is_valid(&self, token: &Secret) -> bool {
        self.access.verify(token.expose()).await.is_ok()
    }

    /// As it is after a restart.
    async fn again(self) -> Self {
        let opened = Access::open(self.folder.path(), &AccessSettings::default(), None, self.clock.clone()).await;
        Self { access: opened.unwrap().0, ..self }
    }
}

#[tokio::test]
async fn a_password_gives_a_token_and_a_token_an_identity() {
    let bench = Bench::new().await;
    let grant = bench.grant().await;
    assert_eq!(grant.expires_in, Duration::from_secs(1800));
    let who = bench.access.verify(grant.access_token.expose()).await.unwrap();
    assert_eq!(who, grant.identity);
    assert_eq!((who.username.as_str(), who.role, who.origin), ("ann", Role::Admin, Origin::Own));
    assert!(who.may(Role::Viewer) && who.may(Role::Admin) && who.scope().is_all());
    assert_eq!(who.expires_at, at(1800));
    assert!(!format!("{grant:?}").contains(grant.access_token.expose()));
}

#[tokio::test]
async fn the_first_start_makes_an_admin_and_tells_its_password_once() {
    let folder = tempfile::tempdir().unwrap();
    let open = async |settings: AccessSettings| Access::open(folder.path(), &settings, None, clock()).await.unwrap();
    let user = UserSettings {
        password: Some(secret(PASSWORD)),
        password_hash: None,
        role: Role::Viewer,
        services: Some(BTreeSet::from(["checkout".to_owned()])),
        pipelines: None,
    };
    let configured = AccessSettings { users: [("bob".to_owned(), user)].into(), ..AccessSettings::default() };
    let (access, first) = open(configured).await;
    assert!(first.is_none(), "there is one in logd.toml");
    let bob = access.authenticate("bob", &secret(PASSWORD), PEER).await.unwrap();
    let session = access.session(&bob).unwrap();
    assert_eq!(session.identity.services, Some(BTreeSet::from(["checkout".to_owned()])));
    assert!(!session.identity.may(Role::Admin));

    let (access, first) = open(AccessSettings::default()).await;
    let first = first.unwrap();
    let login = access.authenticate(&first.username, &first.password, PEER).await.unwrap();
    assert_eq!((login.username(), login.role()), ("admin", Role::Admin));
    assert!(open(AccessSettings::default()).await.1.is_none());
}

#[tokio::test]
async fn all_who_are_wrong_get_one_answer() {
    let bench = Bench::new().await;
    for (number, (name, password)) in [
        ("ann", "correct horse"),
        ("ann", ""),
        ("bob", PASSWORD),
        ("Ann", PASSWORD),
        ("", PASSWORD),
        ("ann\0", PASSWORD),
        (&"a".repeat(100_000), PASSWORD),
        ("ann", &"p".repeat(100_000)),
    ]
    .into_iter()
    .enumerate()
    {
        let peer = IpAddr::from([10, 0, 0, number as u8]);
        assert_eq!(bench.access.authenticate(name, &secret(password), peer).await, Err(Refused::Denied));
    }
}

#[tokio::test]
async fn who_guesses_has_to_wait_and_who_waits_is_not_hashed() {
    let bench = Bench::new().await;
    let guess = async |name: &str, password: &str| bench.access.authenticate(name, &secret(password), PEER).await;
    for _ in 0..5 {
        assert_eq!(guess("ann", "correct horse").await, Err(Refused::Denied));
    }
    let Err(Refused::TooMany { retry_after }) = guess("ann", PASSWORD).await else {
        panic!("it waits, right or wrong")
    };
    assert!(retry_after >= Duration::from_secs(1));
    assert!(matches!(guess("somebody-else", "any").await, Err(Refused::TooMany { .. })));
}

#[tokio::test]
async fn a_new_password_ends_all_that_went_before() {
    let bench = Bench::new().await;
    let (grant, session) = (bench.grant().await, bench.access.session(&bench.login().await).unwrap());
    bench.store().set_password("ann", &secret("another horse battery"), at(0)).unwrap();
    // A login sees it at once, and from then on so do tokens.
    let denied = bench.access.authenticate("ann", &secret(PASSWORD), PEER).await;
    assert_eq!(denied, Err(Refused::Denied));
    assert!(!bench.is_valid(&grant.access_token).await && !bench.is_valid(&session.token).await);
    assert_eq!(bench.access.refresh(&grant.refresh_token).await.unwrap_err(), Refused::Denied);
    assert!(bench.access.authenticate("ann", &secret("another horse battery"), PEER).await.is_ok());
}

#[tokio::test]
async fn a_removed_user_is_out() {
    let bench = Bench::new().await;
    let grant = bench.grant().await;
    bench.store().remove("ann").unwrap();
    assert_eq!(bench.access.refresh(&grant.refresh_token).await.unwrap_err(), Refused::Denied);
    assert!(!bench.is_valid(&grant.access_token).await);
    // One who comes with the same name and password is not the same.
    bench.store().add("ann", &secret(PASSWORD), Role::Admin, Scope::all(), at(0)).unwrap();
    let _ = bench.login().await;
    assert!(!bench.is_valid(&grant.access_token).await);
}

#[tokio::test]
async fn refresh_tokens_are_used_once() {
    let bench = Bench::new().await;
    let first = bench.grant().await;
    bench.clock.set(at(1700));
    let second = bench.access.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(second.identity.expires_at, at(3500));
    assert!(bench.is_valid(&first.access_token).await && bench.is_valid(&second.access_token).await);
    // Stolen, or sent twice: nobody knows, so all of it ends.
    assert_eq!(bench.access.refresh(&first.refresh_token).await.unwrap_err(), Refused::Denied);
    assert_eq!(bench.access.refresh(&second.refresh_token).await.unwrap_err(), Refused::Denied);
    assert!(!bench.is_valid(&first.access_token).await && !bench.is_valid(&second.access_token).await);
    // Another login of the same user goes on.
    let other = bench.grant().await;
    assert!(bench.is_valid(&other.access_token).await);
}

#[tokio::test]
async fn a_logout_ends_one_login_and_outlives_a_restart() {
    let bench = Bench::new().await;
    let (one, two) = (bench.grant().await, bench.grant().await);
    bench.access.logout(&one.identity).await;
    let bench = bench.again().await;
    assert!(!bench.is_valid(&one.access_token).await && bench.is_valid(&two.access_token).await);
    assert_eq!(bench.access.refresh(&one.refresh_token).await.unwrap_err(), Refused::Denied);
    let bench = bench.again().await;
    assert!(bench.access.refresh(&two.refresh_token).await.is_ok());
}

#[tokio::test]
async fn a_cookie_goes_on_while_it_is_used_and_not_for_ever() {
    let bench = Bench::new().await;
    let mut session = bench.access.session(&bench.login().await).unwrap();
    assert!(bench.access.slide(&session.identity).is_none(), "it is new");
    let mut seconds = 0;
    while seconds < 12 * 3600 - 1000 {
        seconds += 1000;
        bench.clock.set(at(seconds));
        let identity = bench.access.verify(session.token.expose()).await.unwrap();
        session = bench.access.slide(&identity).unwrap();
    }
    bench.clock.set(at(12 * 3600));
    let identity = bench.access.verify(session.token.expose()).await.unwrap();
    assert!(bench.access.slide(&identity).is_none());
    bench.access.logout(&identity).await;
    assert!(!bench.is_valid(&session.token).await);
}

#[tokio::test]
async fn what_has_expired_is_forgotten() {
    let bench = Bench::new().await;
    let grant = bench.grant().await;
    bench.access.logout(&grant.identity).await;
    let _ = bench.grant().await;
    bench.clock.set(at(13 * 3600));
    bench.access.tend().await;
    let text = std::fs::read_to_string(bench.folder.path().join(sessions::FILE)).unwrap();
    assert!(text.ends_with(r#""logins":{},"ended":{}}"#), "{text}");
}

#[tokio::test]
async fn a_disk_that_can_not_be_written_locks_nobody_out() {
    let bench = Bench::new().await;
    let path = bench.folder.path().join(sessions::FILE);
    std::fs::create_dir_all(path.join("in the way")).unwrap();
    let grant = bench.grant().await;
    assert!(bench.is_valid(&grant.access_token).await);
    assert!(bench.access.refresh(&grant.refresh_token).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_keeps_sending_tokens_that_are_none_waits_and_no_other() {
    let bench = Bench::new().await;
    let grant = bench.grant().await;
    let (peer, token) = ("192.0.2.1".parse().unwrap(), grant.access_token.expose());
    // As long as it was valid once, a token is no guess.
    bench.clock.set(at(1806));
    for _ in 0..20 {
        assert_eq!(bench.access.verify_from(token, peer).await, Err(Refused::Denied));
    }
    bench.clock.set(at(60));
    for guess in ["", "x", "a.b.c", &token[1..], &token[..token.len() - 1]] {
        assert_eq!(bench.access.verify_from(guess, peer).await, Err(Refused::Denied), "{guess}");
    }
    let retry_after = Duration::from_secs(1);
    assert_eq!(bench.access.verify_from("x", peer).await, Err(Refused::TooMany { retry_after }));
    assert_eq!(bench.access.verify_from(token, peer).await, Ok(grant.identity));
    assert_eq!(bench.access.verify_from("x", "192.0.2.2".parse().unwrap()).await, Err(Refused::Denied));
}

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::time::advance;

use super::*;
use crate::settings::IssuerAlgorithm::{EdDSA, RS256};
use crate::testing::{self, Key, NOW, at, ed25519, rsa, set};

/// Answers with a text that a test changes, and counts.
#[derive(Default)]
struct Stub {
    text: RwLock<String>,
    fetched: AtomicUsize,
    hangs: bool,
}

impl Stub {
    fn new(text: String) -> Arc<Self> {
        Arc::new(Self { text: RwLock::new(text), ..Self::default() })
    }

    fn set(&self, text: String) {
        *self.text.write().unwrap() = text;
    }

    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::Relaxed)
    }
}

impl FetchJwks for Stub {
    fn fetch<'a>(&'a self, url: &'a str, most_bytes: usize) -> BoxFuture<'a, anyhow::Result<Vec<u8>>> {
        assert_eq!((url, most_bytes), ("https://id.example/keys", 262_144));
        self.fetched.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            if self.hangs {
                std::future::pending::<()>().await;
            }
            let text = self.text.read().unwrap().clone();
            anyhow::ensure!(!text.is_empty(), "503");
            Ok(text.into_bytes())
        })
    }
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": "logd", "sub": "ann", "exp": NOW + 60})
}

fn token(key: &Key, id: &str, claims: &Value) -> String {
    let header = json!({"alg": format!("{:?}", key.algorithm), "kid": id, "typ": "JWT"}).to_string();
    testing::sign(&header, &claims.to_string(), &key.signing, key.algorithm)
}

async fn read(issuer: &Issuer, token: &str) -> Result<Identity, &'static str> {
    issuer.read(&Jws::parse(token).ok_or("no token")?, at(0)).await
}

fn fetching(stub: &Arc<Stub>) -> Issuer {
    let settings = testing::issuer_at("https://id.example/keys", EdDSA);
    Issuer::new(settings, Some(Arc::clone(stub) as Arc<dyn FetchJwks>)).unwrap()
}

#[tokio::test]
async fn claims_say_who_it_is() {
    let key = rsa("k");
    let who = async |change: fn(&mut IssuerSettings), claims: Value| {
        let mut settings = testing::issuer(RS256, &[&key.public]);
        change(&mut settings);
        read(&Issuer::new(settings, None).unwrap(), &token(&key, "k", &claims)).await
    };
    let with = |name: &str, value: Value| {
        let mut all = claims();
        all[name] = value;
        all
    };
    let plain = who(|_| {}, claims()).await.unwrap();
    assert_eq!((plain.username.as_str(), plain.role, plain.origin), ("ann", Role::Viewer, Origin::Issuer));
    assert!(plain.scope().is_all() && plain.expires_at == at(60));

    for (name, value, role) in [
        ("role", json!("admin"), Role::Admin),
        ("roles", json!(["viewer", "admin"]), Role::Admin),
        ("groups", json!(["admin"]), Role::Admin),
        ("role", json!("administrator"), Role::Viewer),
        ("role", json!("not admin"), Role::Viewer),
        ("role", json!({"admin": true}), Role::Viewer),
        ("role", json!([["admin"]]), Role::Viewer),
        ("roles", json!("Admin"), Role::Viewer),
    ] {
        assert_eq!(who(|_| {}, with(name, value.clone())).await.unwrap().role, role, "{name} {value}");
    }
    // The first that there is, and not the one that suits best.
    let mut both = with("role", json!("viewer"));
    both["groups"] = json!(["admin"]);
    assert_eq!(who(|_| {}, both).await.unwrap().role, Role::Viewer);

    let nested = |settings: &mut IssuerSettings| {
        settings.role_claim = Some("realm_access.roles".to_owned());
        settings.admin_value = "ops".to_owned();
    };
    let all = with("realm_access", json!({"roles": ["ops"]}));
    assert_eq!(who(nested, all).await.unwrap().role, Role::Admin);
    assert_eq!(who(nested, with("role", json!("ops"))).await.unwrap().role, Role::Viewer);
    assert_eq!(who(nested, with("realm_access.roles", json!("ops"))).await.unwrap().role, Role::Admin);

    let bound = |settings: &mut IssuerSettings| settings.services_claim = Some("services".to_owned());
    let services = |list: &[&str]| Some(list.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>());
    let found = who(bound, with("services", json!(["a", "b"]))).await.unwrap();
    assert_eq!((found.services, found.pipelines), (services(&["a", "b"]), None));
    assert_eq!(who(bound, claims()).await.unwrap().services, services(&[]), "who has no such claim sees nothing");

    let named = |settings: &mut IssuerSettings| settings.username_claim = "email".to_owned();
    assert_eq!(who(named, with("email", json!("a@b"))).await.unwrap().username, "a@b");
    assert!(who(named, claims()).await.is_err());
    for odd in [json!(""), json!(5), json!("a\nb"), json!("\u{1b}[2J"), json!("x".repeat(257))] {
        assert!(who(|_| {}, with("sub", odd.clone())).await.is_err(), "{odd}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_when_they_are_needed() {
    let (old, new) = (ed25519("old"), ed25519("new"));
    let stub = Stub::new(set(&[&old.public]));
    let issuer = fetching(&stub);
    assert_eq!(stub.fetched(), 0);
    for _ in 0..3 {
        assert!(read(&issuer, &token(&old, "old", &claims())).await.is_ok());
    }
    assert_eq!(stub.fetched(), 1);
    // A new key: at most once a minute, however many ask.
    stub.set(set(&[&new.public]));
    for _ in 0..100 {
        assert!(read(&issuer, &token(&new, "new", &claims())).await.is_err());
    }
    assert_eq!(stub.fetched(), 1);
    advance(FETCH_EVERY).await;
    let tokens: Vec<_> = (0..20).map(|_| token(&new, "new", &claims())).collect();
    let all = futures::future::join_all(tokens.iter().map(|token| read(&issuer, token))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(stub.fetched(), 2);
    assert!(read(&issuer, &token(&old, "old", &claims())).await.is_err(), "the old one was taken back");
}

#[tokio::test(start_paused = true)]
async fn keys_that_can_not_be_fetched_stay_for_a_day() {
    let key = ed25519("k");
    let stub = Stub::new(set(&[&key.public]));
    let issuer = fetching(&stub);
    let is_in = async || read(&issuer, &token(&key, "k", &claims())).await.is_ok();
    assert!(is_in().await);
    for (text, fetched) in [("", 2), ("<html>", 3), ("{\"keys\":[]}", 4)] {
        stub.set(text.to_owned());
        advance(RENEW_AFTER + FETCH_EVERY).await;
        issuer.tend().await;
        assert_eq!(stub.fetched(), fetched);
        assert!(is_in().await, "{text}");
    }
    advance(FORGET_AFTER).await;
    assert!(!is_in().await);
    stub.set(set(&[&key.public]));
    advance(FETCH_EVERY).await;
    assert!(is_in().await);
}

#[tokio::test(start_paused = true)]
async fn while_there_are_none_they_are_asked_for_every_few_seconds() {
    let key = ed25519("k");
    let stub = Stub::new(String::new());
    let issuer = fetching(&stub);
    let is_in = async || read(&issuer, &token(&key, "k", &claims())).await.is_ok();
    assert!(!is_in().await && !is_in().await);
    assert_eq!(stub.fetched(), 1);
    stub.set(set(&[&key.public]));
    advance(FETCH_FIRST_EVERY).await;
    assert!(is_in().await);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_an_issuer_that_hangs() {
    let key = ed25519("k");
    let stub = Arc::new(Stub { hangs: true, ..Stub::default() });
    let issuer = fetching(&stub);
    let began = Instant::now();
    assert!(read(&issuer, &token(&key, "k", &claims())).await.is_err());
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_does_not_stop_it() {
    let key = ed25519("k");
    let stub = Stub::new(set(&[&key.public]));
    let issuer = fetching(&stub);
    let text = token(&key, "k", &claims());
    // As a connection that is closed right after the request.
    assert!(futures::FutureExt::now_or_never(read(&issuer, &text)).is_none());
    assert!(read(&issuer, &text).await.is_ok());
    assert_eq!(stub.fetched(), 1);
}

#[test]
fn a_url_needs_somebody_who_fetches() {
    let settings = testing::issuer_at("https://id.example/keys", EdDSA);
    assert!(Issuer::new(settings, None).is_err());
}

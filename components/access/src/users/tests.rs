use tokio::time::advance;

use super::*;
use crate::testing::{at, secret};

const PASSWORD: &str = "correct horse battery";
const KEY: &str = "0123456789abcdef0123456789abcdef";

fn settings(password: &str, role: Role) -> UserSettings {
    UserSettings { password: Some(secret(password)), password_hash: None, role, services: None, pipelines: None }
}

fn load(configured: &[(&str, UserSettings)], key: &str, store: &UserStore) -> Users {
    let configured = configured.iter().map(|(name, user)| ((*name).to_owned(), user.clone())).collect();
    Users::load(&configured, &secret(key), store.clone()).unwrap()
}

fn generation(users: &Users, name: &str) -> Option<String> {
    users.find(name).map(|(_, login)| login.generation)
}

#[test]
fn those_of_the_settings_change_with_all_that_is_said_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = UserStore::new(folder.path());
    let of = |user: UserSettings, key: &str| generation(&load(&[("ann", user)], key, &store), "ann").unwrap();
    let before = of(settings(PASSWORD, Role::Viewer), KEY);
    assert_eq!(of(settings(PASSWORD, Role::Viewer), KEY), before, "a restart ends no session");
    assert_eq!(before.len(), 22);
    assert_ne!(of(settings("another horse battery", Role::Viewer), KEY), before);
    assert_ne!(of(settings(PASSWORD, Role::Admin), KEY), before);
    assert_ne!(of(settings(PASSWORD, Role::Viewer), "another key of at least 32 bytes"), before);
    let bound = UserSettings { services: Some(["a".to_owned()].into()), ..settings(PASSWORD, Role::Viewer) };
    assert_ne!(of(bound, KEY), before);
    let hash = hashing::hash(&secret(PASSWORD)).unwrap();
    let hashed = UserSettings { password: None, password_hash: Some(secret(&hash)), ..settings("", Role::Viewer) };
    assert_ne!(of(hashed.clone(), KEY), before);
    assert_eq!(&*load(&[("ann", hashed)], KEY, &store).find("ann").unwrap().0, hash);
}

#[test]
fn those_of_the_settings_come_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = UserStore::new(folder.path());
    store.add("ann", &secret(PASSWORD), Role::Admin, Scope::all(), at(0)).unwrap();
    let users = load(&[("ann", settings("another horse battery", Role::Viewer))], KEY, &store);
    let (_, login) = users.find("ann").unwrap();
    assert_eq!(login.role, Role::Viewer);
    assert!(users.is_current("ann", &login.generation));
    assert!(!users.is_current("ann", &store.accounts().unwrap().unwrap()["ann"].generation));
    assert!(users.find("bob").is_none() && !users.is_current("bob", ""));
}

#[tokio::test]
async fn a_changed_file_is_seen_at_the_next_login() {
    let folder = tempfile::tempdir().unwrap();
    let store = UserStore::new(folder.path());
    let users = load(&[], KEY, &store);
    assert!(users.find("ann").is_none());
    store.add("ann", &secret(PASSWORD), Role::Viewer, Scope::all(), at(0)).unwrap();
    users.look().await;
    let before = generation(&users, "ann").unwrap();
    store.set_password("ann", &secret("another horse battery"), at(0)).unwrap();
    users.look().await;
    assert!(!users.is_current("ann", &before));
    std::fs::remove_file(folder.path().join("users.json")).unwrap();
    users.look().await;
    assert!(users.find("ann").is_none());
}

#[tokio::test(start_paused = true)]
async fn for_a_token_it_is_looked_at_once_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let store = UserStore::new(folder.path());
    let users = load(&[], KEY, &store);
    store.add("ann", &secret(PASSWORD), Role::Viewer, Scope::all(), at(0)).unwrap();
    users.look_sometimes().await;
    assert!(users.find("ann").is_none());
    advance(LOOK_EVERY).await;
    users.look_sometimes().await;
    assert!(users.find("ann").is_some());
}

#[tokio::test]
async fn a_broken_file_locks_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = UserStore::new(folder.path());
    store.add("ann", &secret(PASSWORD), Role::Viewer, Scope::all(), at(0)).unwrap();
    let users = load(&[], KEY, &store);
    let good = std::fs::read(folder.path().join("users.json")).unwrap();
    std::fs::write(folder.path().join("users.json"), &good[..20]).unwrap();
    users.look().await;
    assert!(users.find("ann").is_some());
    std::fs::write(folder.path().join("users.json"), &good).unwrap();
    store.remove("ann").unwrap();
    users.look().await;
    assert!(users.find("ann").is_none());
}

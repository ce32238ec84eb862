use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::testing::{at, secret};

const PASSWORD: &str = "correct horse battery";

fn store() -> (tempfile::TempDir, UserStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = UserStore::new(&folder.path().join("data"));
    (folder, store)
}

fn said(result: anyhow::Result<()>) -> String {
    format!("{:#}", result.unwrap_err())
}

#[test]
fn users_come_change_and_go() {
    let (_folder, store) = store();
    assert_eq!(store.list().unwrap(), []);
    let scope = Scope { services: Some(BTreeSet::from(["checkout".to_owned()])), pipelines: None };
    store.add("ann", &secret(PASSWORD), Role::Viewer, scope.clone(), at(0)).unwrap();
    store.add("bob", &secret(PASSWORD), Role::Admin, Scope::all(), at(1)).unwrap();
    let before = store.accounts().unwrap().unwrap();
    store.set_password("ann", &secret("another horse battery"), at(2)).unwrap();
    let after = store.accounts().unwrap().unwrap();
    assert_ne!(before["ann"].generation, after["ann"].generation);
    assert_ne!(before["ann"].password_hash, after["ann"].password_hash);
    assert_eq!(before["bob"], after["bob"]);
    let ann = StoredUser { name: "ann".to_owned(), role: Role::Viewer, scope, created_at: at(0), changed_at: at(2) };
    assert_eq!(store.list().unwrap()[0], ann);
    store.remove("bob").unwrap();
    assert_eq!(store.list().unwrap(), [ann]);
    // One that comes again is another one.
    store.add("bob", &secret(PASSWORD), Role::Admin, Scope::all(), at(1)).unwrap();
    assert_ne!(store.accounts().unwrap().unwrap()["bob"].generation, before["bob"].generation);
}

#[test]
fn what_can_not_be_done_is_said() {
    let (_folder, store) = store();
    store.add("ann", &secret(PASSWORD), Role::Viewer, Scope::all(), at(0)).unwrap();
    let add = |name: &str, password: &str| said(store.add(name, &secret(password), Role::Viewer, Scope::all(), at(0)));
    assert!(add("ann", PASSWORD).contains("there is a user `ann`"));
    assert!(add("a b", PASSWORD).contains("1 to 64"));
    assert!(add("bob", "short").contains("too short"));
    assert_eq!(said(store.set_password("bob", &secret(PASSWORD), at(0))), "there is no user `bob`");
    assert!(said(store.set_password("ann", &secret("short"), at(0))).contains("too short"));
    assert_eq!(said(store.remove("bob")), "there is no user `bob`");
    let nothing = Scope { services: Some(BTreeSet::new()), pipelines: None };
    assert!(said(store.add("bob", &secret(PASSWORD), Role::Viewer, nothing, at(0))).contains("no services"));
}

#[test]
fn the_file_is_its_owners_and_has_no_password_in_it() {
    let (_folder, store) = store();
    store.add("ann", &secret(PASSWORD), Role::Viewer, Scope::all(), at(0)).unwrap();
    let text = std::fs::read_to_string(store.path()).unwrap();
    assert!(text.contains("$argon2id$") && !text.contains("horse"));
    assert_eq!(std::fs::metadata(store.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn many_writers_lose_nothing() {
    let (_folder, store) = store();
    let names: Vec<String> = (0..4).map(|number| format!("user-{number}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| store.add(name, &secret(PASSWORD), Role::Viewer, Scope::all(), at(0)).unwrap());
        }
    });
    assert_eq!(store.list().unwrap().into_iter().map(|user| user.name).collect::<Vec<_>>(), names);
}

#[test]
fn the_first_user_is_made_once() {
    let (_folder, store) = store();
    let first = store.make_first(at(0)).unwrap().unwrap();
    assert_eq!(first.username, "admin");
    assert!(check_password("admin", first.password.expose()).is_ok());
    assert_eq!(format!("{first:?}").matches(first.password.expose()).count(), 0);
    assert!(store.make_first(at(0)).unwrap().is_none());
    // Whoever removes the last user does not want a new one with a password in a log.
    store.remove("admin").unwrap();
    assert!(store.make_first(at(0)).unwrap().is_none());
}

#[test]
fn a_file_that_is_not_understood_is_left_alone() {
    let (_folder, store) = store();
    store.add("ann", &secret(PASSWORD), Role::Viewer, Scope::all(), at(0)).unwrap();
    for text in ["", "{", "{\"version\":2,\"users\":{}}", "{\"version\":1,\"users\":{},\"more\":1}"] {
        std::fs::write(store.path(), text).unwrap();
        let error = said(store.remove("ann"));
        assert!(error.contains("users.json"), "{error}");
        assert!(store.list().is_err() && store.make_first(at(0)).is_err());
        assert_eq!(std::fs::read_to_string(store.path()).unwrap(), text);
    }
}

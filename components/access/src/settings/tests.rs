use serde::de::DeserializeOwned;

use super::*;
use crate::testing::{file, p256, rsa, set};

/// The fields as they stand in `[api]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Api {
    users: BTreeMap<String, UserSettings>,
    tokens: TokenSettings,
    issuer: Option<IssuerSettings>,
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

fn problems(text: &str, jwks: Option<&str>) -> Vec<String> {
    let Api { users, tokens, mut issuer } = read(text).unwrap();
    if let (Some(issuer), Some(jwks)) = (&mut issuer, jwks) {
        issuer.jwks_file = Some(file(jwks));
    }
    let mut report = Report::default();
    AccessSettings { users, tokens, issuer }.check("api", &mut report);
    report.problems().iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect()
}

const ISSUER: &str = "url = 'https://id.example'\naudience = 'logd'\nalgorithm = 'ES256'\n";

#[test]
fn everything_has_a_default() {
    assert_eq!(problems("", None), Vec::<String>::new());
    let tokens = TokenSettings::default();
    assert_eq!((tokens.lifetime.to_string(), tokens.refresh_lifetime.to_string()), ("30m".into(), "12h".into()));
}

#[test]
fn what_is_right_is_accepted() {
    let text = "[users.ann]\npassword = 'correct horse battery'\nrole = 'admin'\n\
                [users.bob]\npassword_hash = '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$\
                sYjQ4MTQyZDc3YjQ4MTQyZDc3YjQ4MTQyZDc3YjQ4MTQ'\nservices = ['checkout']\n\
                [tokens]\nsecret = '0123456789abcdef0123456789abcdef'\nlifetime = '1h'\n";
    assert_eq!(problems(text, None), Vec::<String>::new());
    let by_url = |url: &str| problems(&format!("[issuer]\n{ISSUER}jwks_url = '{url}'\n"), None);
    for url in
        ["https://id.example/jwks.json", "http://127.0.0.1:9000/keys", "http://localhost/keys", "http://[::1]:1/k"]
    {
        assert_eq!(by_url(url), Vec::<String>::new(), "{url}");
    }
    let by_file = format!("[issuer]\n{ISSUER}jwks_file = 'keys.json'\n");
    assert_eq!(problems(&by_file, Some(&set(&[&p256("k").public, &rsa("r").public]))), Vec::<String>::new());
}

#[test]
fn what_is_wrong_with_users_is_said() {
    let user = |text: &str| problems(&format!("[users.ann]\n{text}\n"), None);
    assert_eq!(user("role = 'viewer'"), ["api.users.ann: the user `ann` has no password"]);
    assert_eq!(user("password = 'short'"), ["api.users.ann.password: the password is too short"]);
    assert!(user("password_hash = '$2b$10$abc'")[0].starts_with("api.users.ann.password_hash: this is not"));
    assert!(user("password = 'correct horse battery'\npassword_hash = 'x'")[0].contains("as well"));
    let bound = user("password = 'correct horse battery'\npipelines = []");
    assert_eq!(bound, ["api.users.ann.pipelines: with no pipelines nothing can be seen"]);
    let bound = user("password = 'correct horse battery'\nservices = []\npipelines = ['p']");
    assert_eq!(bound, ["api.users.ann.services: with no services nothing can be seen"]);
    let named = problems("[users.'a b']\npassword = 'correct horse battery'\n", None);
    assert_eq!(named, ["api.users.a b: this is no name for a user"]);
    for (text, message) in [("pasword = 'x'", "unknown field `pasword`"), ("role = 'root'", "unknown variant `root`")] {
        assert!(read::<UserSettings>(text).unwrap_err().contains(message));
    }
}

#[test]
fn what_is_wrong_with_tokens_is_said() {
    let tokens = |text: &str| problems(&format!("[tokens]\n{text}\n"), None);
    assert_eq!(tokens("secret = 'canary'"), ["api.tokens.secret: the secret has 6 bytes; it needs at least 32"]);
    assert!(tokens(&format!("secret = '{}'", "ab".repeat(20)))[0].contains("over and over"));
    assert!(tokens("lifetime = '59s'")[0].starts_with("api.tokens.lifetime"));
    assert!(tokens("lifetime = '25h'\nrefresh_lifetime = '25h'")[0].starts_with("api.tokens.lifetime"));
    assert!(tokens("refresh_lifetime = '29m'")[0].starts_with("api.tokens.refresh_lifetime"));
    assert!(tokens("refresh_lifetime = '31d'")[0].starts_with("api.tokens.refresh_lifetime"));
    assert!(tokens("audience = ''\nissuer_name = ' x'").len() == 2);
}

#[test]
fn what_is_wrong_with_the_issuer_is_said() {
    let issuer = |text: &str, jwks: Option<&str>| problems(&format!("[issuer]\n{ISSUER}{text}\n"), jwks);
    assert_eq!(issuer("", None), ["api.issuer: there is nothing to check its tokens with"]);
    assert!(issuer("jwks_url = 'https://a/'\njwks_file = 'f'", None)[0].contains("as well"));
    for url in [
        "http://id.example/keys",
        "https://",
        "https://user:pass@id.example/",
        "ftp://id.example/",
        "id.example",
        "https://id.example/a b",
        "http://127.0.0.1.evil.example/",
        "http://localhostess/",
        "http://127.0.0.1@evil/",
        "file:///etc/passwd",
        "",
    ] {
        let found = issuer(&format!("jwks_url = '{url}'"), None);
        assert!(found.len() == 1 && found[0].starts_with("api.issuer.jwks_url"), "{url}: {found:?}");
    }
    let keys = |text: &str| issuer("jwks_file = 'keys.json'", Some(text));
    assert_eq!(keys("nothing"), ["api.issuer.jwks_file: this is not a set of keys"]);
    let found = keys(&set(&[&rsa("r").public]));
    assert_eq!(found, ["api.issuer.jwks_file: none of the keys can be used for ES256"]);
    let mut short = p256("short").public;
    short["x"] = "AA".into();
    let found = keys(&set(&[&p256("k").public, &short]));
    assert_eq!(found, ["api.issuer.jwks_file: the key \"short\" has coordinates of the wrong length"]);
    let same = problems(
        &format!("[tokens]\nissuer_name = 'https://id.example'\n[issuer]\n{ISSUER}jwks_url = 'https://a/'\n"),
        None,
    );
    assert!(same[0].starts_with("api.issuer.url"));
    for algorithm in ["HS256", "none", "RS1", "ES512"] {
        let text = ISSUER.replace("ES256", algorithm);
        assert!(read::<IssuerSettings>(&text).unwrap_err().contains("unknown variant"), "{algorithm}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let text = "[users.ann]\npassword = 'canary horse battery'\n[users.bob]\npassword_hash = 'canary'\n\
                [tokens]\nsecret = 'canary'\n";
    let api: Api = read(text).unwrap();
    let shown = format!("{api:?} {}", serde_json::to_string(&(&api.users, &api.tokens)).unwrap());
    assert!(!shown.contains("canary") && shown.contains("***"), "{shown}");
    assert!(problems(text, None).iter().all(|problem| !problem.contains("canary")));
}

#[test]
fn the_schema_marks_what_is_secret() {
    let schema = serde_json::to_string(&schemars::schema_for!(UserSettings)).unwrap();
    assert!(schema.contains("writeOnly"));
    let issuer: IssuerSettings = read(&format!("{ISSUER}jwks_file = 'keys.json'")).unwrap();
    assert_eq!(serde_json::to_value(&issuer).unwrap()["jwks_file"], "keys.json");
}

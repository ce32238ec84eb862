//! The dashboard's session: a cookie that no script reads and no other site can use, that slides while it is used, and
//! ends with the logout.

use serde_json::json;

use super::client::{COOKIE, Client, Reply};
use super::shop::{ADMIN, LOGS, Shop};
use crate::support::free_address;

const SESSION: &str = "/api/v1/auth/session";
const ME: &str = "/api/v1/auth/me";

/// Begins a session.
fn begin(client: &Client) -> Reply {
    let reply = client.post(SESSION, &json!({ "username": ADMIN.0, "password": ADMIN.1 }));
    assert_eq!(reply.status, 200, "{reply}");
    reply
}

/// What a reply sets as the cookie: its name and value, and its attributes.
fn cookie(reply: &Reply) -> Option<(String, Vec<String>)> {
    let mut parts = reply.header("set-cookie")?.split("; ");
    let pair = parts.next()?.to_owned();
    Some((pair, parts.map(str::to_owned).collect()))
}

#[test]
fn a_session_is_a_cookie_that_slides_and_ends() {
    let mut shop = Shop::open(LOGS, "rate_limit = 10_000\ntokens.lifetime = \"1m\"\n");
    let begun = begin(&shop.client());
    let (pair, attributes) = cookie(&begun).expect("a cookie");
    for attribute in ["Path=/", "HttpOnly", "SameSite=Strict"] {
        assert!(attributes.iter().any(|one| one == attribute), "no {attribute} in {attributes:?}");
    }
    // The token ends with a whole second.
    assert!(attributes.iter().any(|one| ["Max-Age=60", "Max-Age=59"].contains(&one.as_str())), "{attributes:?}");
    assert!(!attributes.iter().any(|one| one == "Secure" || one.starts_with("Domain")), "{attributes:?}");
    assert_eq!(begun.header("cache-control"), Some("no-store"));
    let token = pair.strip_prefix(&format!("{COOKIE}=")).expect("its name");
    assert!(!begun.text().contains(token), "the body has the token: {begun}");
    assert_eq!(begun.json()["username"], ADMIN.0);

    let session = shop.client().with("cookie", &format!("theme=dark; {pair}; x=y"));
    let fresh = session.get(ME);
    assert_eq!(fresh.status, 200, "{fresh}");
    assert!(cookie(&fresh).is_none(), "it is too young to be renewed");
    other_sites_change_nothing(&shop, &session);

    let mut slid = None;
    shop.wait_for("another cookie", || {
        slid = cookie(&session.get(ME));
        slid.is_some()
    });
    let (next, attributes) = slid.expect("it was there");
    assert_ne!(next, pair);
    assert!(attributes.iter().any(|one| one == "HttpOnly") && attributes.iter().any(|one| one == "SameSite=Strict"));
    let renewed = shop.client().with("cookie", &next).with("sec-fetch-site", "same-origin");
    assert_eq!(renewed.get(ME).status, 200);

    let ended = renewed.send("POST", "/api/v1/auth/logout", b"");
    assert_eq!(ended.status, 204, "{ended}");
    let (empty, attributes) = cookie(&ended).expect("the cookie's end");
    assert!(empty == format!("{COOKIE}=") && attributes.iter().any(|one| one == "Max-Age=0"), "{ended}");
    for client in [&renewed, &session] {
        client.get(ME).is_problem(401, "a session that has ended");
    }
}

/// A cookie says who asks, and not that they want to.
fn other_sites_change_nothing(shop: &Shop, session: &Client) {
    let own = format!("http://{}", shop.address);
    let plan = |client: &Client| client.send("POST", "/api/v1/plan", b"");
    for client in [
        session.clone(),
        session.with("sec-fetch-site", "cross-site"),
        session.with("sec-fetch-site", "same-site"),
        session.with("sec-fetch-site", "none"),
        session.with("origin", "http://evil.example.com"),
        session.with("origin", "null"),
        session.with("origin", &format!("{own}.evil.example.com")),
        session.with("referer", &own),
        // A browser that says where it comes from is believed in that, whatever else stands there.
        session.with("sec-fetch-site", "cross-site").with("origin", &own),
    ] {
        plan(&client).is_problem(403, "another site");
        client.send("POST", "/api/v1/auth/logout", b"").is_problem(403, "a logout by another site");
    }
    for client in [session.with("sec-fetch-site", "same-origin"), session.with("origin", &own)] {
        assert_eq!(plan(&client).status, 200);
    }
    assert_eq!(session.with("sec-fetch-site", "cross-site").get(ME).status, 200, "reading changes nothing");
}

#[test]
fn where_people_come_by_https_the_cookie_is_for_that_alone() {
    let address = free_address();
    let settings = format!("address = \"{address}\"\nbase_url = \"https://logd.example.com\"\n");
    let _shop = Shop::open(LOGS, &settings);
    let (_, attributes) = cookie(&begin(&Client::new(address))).expect("a cookie");
    assert!(attributes.iter().any(|one| one == "Secure"), "{attributes:?}");
}

#[test]
fn tokens_are_renewed_once_and_end_with_the_logout() {
    let shop = Shop::open(LOGS, "");
    let nobody = shop.client();
    let refresh = |token: &str| {
        nobody.with("content-type", "application/x-www-form-urlencoded").send(
            "POST",
            "/api/v1/auth/token",
            format!("grant_type=refresh_token&refresh_token={token}").as_bytes(),
        )
    };
    let text = |reply: &Reply, name: &str| {
        assert_eq!(reply.status, 200, "{reply}");
        reply.json()[name].as_str().expect("a text").to_owned()
    };
    let first = nobody.ask_token(ADMIN.0, ADMIN.1);
    assert_eq!(first.header("cache-control"), Some("no-store"));
    assert_eq!((&first.json()["token_type"], &first.json()["expires_in"]), (&json!("bearer"), &json!(1800)));
    let second = refresh(&text(&first, "refresh_token"));
    let client = nobody.bearer(&text(&second, "access_token"));
    assert_eq!(client.get(ME).status, 200);

    // A token that was used before is stolen from somebody: all that came from that login ends.
    refresh(&text(&first, "refresh_token")).is_problem(401, "a refresh token, used again");
    client.get(ME).is_problem(401, "what was got for it");
    refresh(&text(&second, "refresh_token")).is_problem(401, "the last of them");

    let other = nobody.ask_token(ADMIN.0, ADMIN.1);
    let client = nobody.bearer(&text(&other, "access_token"));
    assert_eq!(client.send("POST", "/api/v1/auth/logout", b"").status, 204);
    client.get(ME).is_problem(401, "after the logout");
    refresh(&text(&other, "refresh_token")).is_problem(401, "after the logout");
}

//! Which names and passwords there may be.
//!
//! NIST SP 800-63B asks for length and nothing else: no rules about digits and signs, no change without a reason. Its
//! third edition wants 8 characters at least, its fourth 15 where nothing but the password protects, and both want 64
//! allowed. Here it is 12 bytes, with the attempts limited and argon2id between a stolen file and the password; a
//! random one has 25 letters. The 1024 bytes at most bound what a stranger can make logd hash.

use std::collections::BTreeSet;

use logd_sdk::settings::{Fault, Secret};

use crate::random;

pub(crate) const SHORTEST_PASSWORD: usize = 12;
pub(crate) const LONGEST_PASSWORD: usize = 1024;
const LONGEST_NAME: usize = 64;
/// Crockford's letters: none looks like another.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Whether a user can have this name: 1 to 64 of `A-Z a-z 0-9 . _ @ -`.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), Fault> {
    let allowed = |letter: u8| letter.is_ascii_alphanumeric() || b"._@-".contains(&letter);
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Fault::new("this is no name for a user").help("a name has 1 to 64 letters, digits and . _ @ -"))
}

/// Whether the user `name` can have this password: 12 to 1024 bytes, not the name, and not the same few characters
/// over and over.
///
/// # Errors
/// What is wrong with it; never with a part of it.
pub fn check_password(name: &str, password: &str) -> Result<(), Fault> {
    let wrong = |why: &str| {
        let help = format!("a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} bytes; a sentence is a good one");
        Err(Fault::new(format!("the password {why}")).help(help))
    };
    let different = password.chars().collect::<BTreeSet<_>>().len();
    match password.len() {
        ..SHORTEST_PASSWORD => wrong("is too short"),
        LONGEST_PASSWORD.. if password.len() > LONGEST_PASSWORD => wrong("is too long"),
        _ if different < 5 => wrong("is the same few characters over and over"),
        _ if password.eq_ignore_ascii_case(name) => wrong("is the user's name"),
        _ => Ok(()),
    }
}

/// A password that nobody guesses: 125 bits, as five groups of five letters, so that it can be read out.
///
/// # Errors
/// The system has no randomness to give.
pub fn random_password() -> anyhow::Result<Secret> {
    let letters: Vec<char> =
        random::bytes::<25>()?.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    let groups: Vec<String> = letters.chunks(5).map(|group| group.iter().collect()).collect();
    Ok(Secret::from(groups.join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for name in ["a", "admin", "Ann.Lee_2@example-site", &"x".repeat(64)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", " ", "a b", "ä", "a/b", "a\n", "..\0", "$(x)", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn passwords_are_judged_by_their_length() {
        for password in ["twelve bytes", "correct horse battery staple", "päßwört-1234", &"abcdefgh".repeat(128)] {
            assert!(check_password("user", password).is_ok(), "{password}");
        }
        for password in ["", "elevenbytes", "aaaaaaaaaaaa", "abababababab", "user.name@host", &"abcdefgh.".repeat(114)]
        {
            let fault = check_password("user.name@host", password).unwrap_err();
            assert!(password.is_empty() || !format!("{fault}").contains(password), "{fault}");
        }
    }

    #[test]
    fn random_passwords_are_good_ones() {
        let made: BTreeSet<String> = (0..100).map(|_| random_password().unwrap().expose().to_owned()).collect();
        assert_eq!(made.len(), 100);
        for password in made {
            assert_eq!(password.len(), 29);
            assert!(check_password("admin", &password).is_ok());
        }
    }
}

//! People and programs that have an account.

use serde::{Deserialize, Serialize};

use crate::limits::{DISPLAY_NAME_CHARS_MAX, USERNAME_CHARS_MAX, USERNAME_CHARS_MIN};
use crate::{Timestamp, UserId};

/// What an account may do. Ordered by what it may *claim*: see [`Role::may_claim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A person who chats.
    User,
    /// Another server that posts on behalf of its users, in any conversation.
    Service,
    /// Sees everything below `/admin` and changes nothing there.
    Observer,
    /// Sees and changes everything below `/admin`.
    Admin,
}

impl Role {
    /// The role as it stands in tokens, on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Service => "service",
            Role::Observer => "observer",
            Role::Admin => "admin",
        }
    }

    /// A token may always claim less than the account has: an admin any role, everybody the plain user.
    pub fn may_claim(self, claimed: Role) -> bool {
        self == Role::Admin || self == claimed || claimed == Role::User
    }

    /// May look at everything below `/admin`.
    pub fn sees_admin(self) -> bool {
        matches!(self, Role::Observer | Role::Admin)
    }
}

/// Text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of user, service, observer, admin")]
pub struct InvalidRole;

impl std::str::FromStr for Role {
    type Err = InvalidRole;
    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        match text {
            "user" => Ok(Role::User),
            "service" => Ok(Role::Service),
            "observer" => Ok(Role::Observer),
            "admin" => Ok(Role::Admin),
            _ => Err(InvalidRole),
        }
    }
}

/// An account, without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Lasting id; `sub` of its tokens.
    pub id: UserId,
    /// Unique, lower case.
    pub username: String,
    /// What others see.
    pub display_name: String,
    /// What the account may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it may no longer sign in or connect.
    pub disabled_at: Option<Timestamp>,
    /// When its last socket closed; `None` when it never had one.
    pub last_seen: Option<Timestamp>,
}

/// Why a username was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a username is {USERNAME_CHARS_MIN} to {USERNAME_CHARS_MAX} characters of a-z 0-9 _ . -")]
pub struct InvalidUsername;

/// Lower-cases `text` and checks that it is a username.
pub fn parse_username(text: &str) -> Result<String, InvalidUsername> {
    let name = text.to_lowercase();
    let fits = (USERNAME_CHARS_MIN..=USERNAME_CHARS_MAX).contains(&name.len());
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-'));
    if fits && plain { Ok(name) } else { Err(InvalidUsername) }
}

/// Why a display name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a display name is 1 to {DISPLAY_NAME_CHARS_MAX} characters, not only spaces")]
pub struct InvalidDisplayName;

/// Trims `text` and checks that it can be shown as a name.
pub fn parse_display_name(text: &str) -> Result<String, InvalidDisplayName> {
    let name = text.trim();
    let fits = (1..=DISPLAY_NAME_CHARS_MAX).contains(&name.chars().count());
    if fits && !name.contains('\0') {
        Ok(name.to_owned())
    } else {
        Err(InvalidDisplayName)
    }
}

/// A username made from a foreign token's `name`: what is not allowed becomes `-`. The store makes it unique.
pub fn username_from_name(name: &str) -> String {
    let mut made: String = name
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '-') {
                c
            } else {
                '-'
            }
        })
        .take(USERNAME_CHARS_MAX)
        .collect();
    if made.trim_matches('-').is_empty() {
        "user".clone_into(&mut made);
    }
    if made.len() < USERNAME_CHARS_MIN {
        made.push_str("-user");
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_are_lower_cased_and_checked() {
        assert_eq!(parse_username("Alice").unwrap(), "alice");
        assert_eq!(parse_username("a-b_c.9").unwrap(), "a-b_c.9");
        for bad in ["a", "", "a b", "ällice", "<b>", &"x".repeat(33)] {
            assert!(parse_username(bad).is_err(), "{bad:?} should be refused");
        }
    }

    #[test]
    fn any_foreign_name_makes_a_username() {
        for name in ["", "A", "Zoë Müller", "日本", "x".repeat(100).as_str(), "---"] {
            assert!(parse_username(&username_from_name(name)).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn a_token_claims_at_most_what_the_account_has() {
        assert!(Role::Admin.may_claim(Role::Observer));
        assert!(Role::Service.may_claim(Role::User));
        assert!(!Role::User.may_claim(Role::Admin));
        assert!(!Role::Observer.may_claim(Role::Service));
    }
}

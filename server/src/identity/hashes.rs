//! Stored hashes of passwords: our own argon2id, and bcrypt from the system that an account came from.
//!
//! In: a password and a hash. Out: whether they belong together. Guarantee: a refused password costs the same work
//! whatever the hash is, and whether there is one.

use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Params};
use bcrypt::HashParts;

use super::passwords::PasswordCost;
use crate::limits::{BCRYPT_COST_MAX, FOREIGN_ARGON2_KIB_MAX, FOREIGN_ARGON2_PASSES_MAX};

/// The least that bcrypt knows.
const BCRYPT_COST_MIN: u32 = 4;

/// Why a hash is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHash {
    /// Another scheme, or half of a hash.
    #[error(
        "this is no hash that is known here: a bcrypt hash ($2a$, $2b$, $2x$ or $2y$, 60 characters) or an argon2id one \
         ($argon2id$v=19$…) is expected, whole, as it is stored"
    )]
    Unknown,
    /// It says that it is bcrypt.
    #[error("this bcrypt hash cannot be read: {0}")]
    Bcrypt(String),
    /// It says that it is argon2.
    #[error("this argon2 hash cannot be read: {0}")]
    Argon2(String),
    /// Each sign-in would take a core for long.
    #[error(
        "a bcrypt hash of cost {0} is not taken, {BCRYPT_COST_MIN} to {BCRYPT_COST_MAX} are: each sign-in would block a core for long"
    )]
    BcryptCost(u32),
    /// The same.
    #[error(
        "an argon2id hash of {memory_kib} KiB and {passes} passes is not taken: at most {FOREIGN_ARGON2_KIB_MAX} KiB and \
         {FOREIGN_ARGON2_PASSES_MAX} passes are, since each sign-in would ask for as much"
    )]
    Argon2Cost {
        /// Asked for.
        memory_kib: u32,
        /// Asked for.
        passes: u32,
    },
}

/// A hash that a password can be checked against at a bounded cost. Never shown.
#[derive(Clone)]
pub struct KnownHash(String);

impl KnownHash {
    /// What another system, or another Rollcall, stored.
    pub fn parse(text: &str) -> Result<Self, InvalidHash> {
        if text.starts_with("$2") {
            bcrypt_parts(text)?;
        } else if text.starts_with("$argon2") {
            let hash = PasswordHash::new(text).map_err(|error| InvalidHash::Argon2(error.to_string()))?;
            if hash.algorithm.as_str() != Algorithm::Argon2id.as_str() || hash.hash.is_none() {
                return Err(InvalidHash::Unknown);
            }
            let params = Params::try_from(&hash).map_err(|error| InvalidHash::Argon2(error.to_string()))?;
            let (memory_kib, passes) = (params.m_cost(), params.t_cost());
            if memory_kib > FOREIGN_ARGON2_KIB_MAX || passes > FOREIGN_ARGON2_PASSES_MAX {
                return Err(InvalidHash::Argon2Cost { memory_kib, passes });
            }
        } else {
            return Err(InvalidHash::Unknown);
        }
        Ok(Self(text.to_owned()))
    }

    /// To store it.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

impl std::fmt::Debug for KnownHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hash]")
    }
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// They do not belong together.
    Wrong,
    /// They do.
    Right,
    /// They do, and the hash is one that ours should replace.
    RightByBcrypt,
}

impl Checked {
    /// Whether they belong together.
    pub fn is_right(self) -> bool {
        self != Self::Wrong
    }
}

fn bcrypt_parts(text: &str) -> Result<HashParts, InvalidHash> {
    let parts: HashParts = text
        .parse()
        .map_err(|error: bcrypt::BcryptError| InvalidHash::Bcrypt(error.to_string()))?;
    match parts.get_cost() {
        BCRYPT_COST_MIN..=BCRYPT_COST_MAX => Ok(parts),
        cost => Err(InvalidHash::BcryptCost(cost)),
    }
}

/// Does `password` belong to `hash`? A wrong one costs one argon2id at `cost` and one bcrypt at `bcrypt_cost`, the dearest
/// that is stored, whichever of them the hash is: the time tells nobody which accounts exist, nor which came from elsewhere.
pub(super) fn check(
    password: &str,
    hash: Option<&str>,
    cost: PasswordCost,
    bcrypt_cost: Option<u32>,
) -> Result<Checked, String> {
    let dearest = bcrypt_cost.map(|cost| cost.clamp(BCRYPT_COST_MIN, BCRYPT_COST_MAX));
    if let Some(text) = hash.filter(|hash| hash.starts_with("$2")) {
        let parts = bcrypt_parts(text).map_err(|error| error.to_string())?;
        // Cut at 72 bytes, as every bcrypt does.
        if bcrypt::verify(password, text).map_err(|error| error.to_string())? {
            return Ok(Checked::RightByBcrypt);
        }
        check_argon2(password, &cost.decoy(), cost)?;
        owed(Some(parts.get_cost()), dearest).for_each(spend);
        return Ok(Checked::Wrong);
    }
    let decoy = cost.decoy();
    let right = check_argon2(password, hash.unwrap_or(&decoy), cost)?;
    if right && hash.is_some() {
        return Ok(Checked::Right);
    }
    owed(None, dearest).for_each(spend);
    Ok(Checked::Wrong)
}

fn check_argon2(password: &str, hash: &str, cost: PasswordCost) -> Result<bool, String> {
    let hash = PasswordHash::new(hash).map_err(|error| format!("unreadable hash: {error}"))?;
    // The cost is the one in the hash: older hashes stay good when the recommendation grows.
    Ok(cost.argon2().verify_password(password.as_bytes(), &hash).is_ok())
}

/// The costs of the bcrypts that are still to be done, after one of cost `done` or none, until it was the work of one of
/// `dearest`: 2^c + 2^c + 2^(c+1) + … + 2^(dearest-1) is 2^dearest.
fn owed(done: Option<u32>, dearest: Option<u32>) -> std::ops::Range<u32> {
    match (done, dearest) {
        (_, None) => 0..0,
        (None, Some(dearest)) => dearest..dearest + 1,
        (Some(done), Some(dearest)) => done..dearest,
    }
}

/// The work of one bcrypt of this cost, for nothing.
fn spend(cost: u32) {
    std::hint::black_box(bcrypt::bcrypt(cost, [0; 16], b"decoy\0"));
}

#[cfg(test)]
mod tests;

//! Passwords: argon2id, off the async threads, a few at a time; bcrypt hashes of other systems are checked, none is made.
//!
//! In: a password, and a stored hash where there is one. Out: a new PHC string, or whether they belong together.
//! Guarantee: an unknown username costs the same time as a known one, and a flood of sign-ins takes a bounded amount of
//! memory and threads.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, Version};
use chat_core::limits::{PASSWORD_BYTES_MAX, PASSWORD_BYTES_MIN};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::RetryAfter;
use super::hashes::{self, Checked, KnownHash};
use crate::limits::PASSWORDS_WAITING_MAX;

/// Why a password was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a password is {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes")]
pub struct InvalidPassword;

/// A password that may be set. Never shown.
#[derive(Clone)]
pub struct NewPassword(String);

impl NewPassword {
    /// Checks its length, the only thing about a password that a server can judge.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidPassword> {
        let text = text.into();
        if (PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err(InvalidPassword)
        }
    }

    /// The demo's passwords are short on purpose, and printed on the screen.
    pub fn of_the_demo(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// One that a foreign hash belongs to: the rules for length were those of its maker.
    pub(super) fn of_a_foreign_hash(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// 24 letters and digits: over 120 bits, and nothing that a terminal or a shell would not take.
    pub fn generate() -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let bytes: [u8; 24] = rand::random();
        Self(
            bytes
                .iter()
                .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
                .collect(),
        )
    }

    /// The text itself, to print a generated one once.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[password]")
    }
}

/// What an account is to be signed in with.
#[derive(Debug, Clone)]
pub enum NewSecret {
    /// A password, to be hashed.
    Password(NewPassword),
    /// A hash of a password that is not known here.
    Hash(KnownHash),
}

impl From<NewPassword> for NewSecret {
    fn from(password: NewPassword) -> Self {
        Self::Password(password)
    }
}

impl From<KnownHash> for NewSecret {
    fn from(hash: KnownHash) -> Self {
        Self::Hash(hash)
    }
}

/// What one hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    memory_kib: u32,
    passes: u32,
}

impl PasswordCost {
    /// OWASP's recommendation for argon2id (Password Storage Cheat Sheet): 19 MiB, two passes, one lane. As strong as its
    /// variants with more memory, and the smallest of them that still makes a graphics card's many cores wait for memory.
    pub const OWASP: Self = Self {
        memory_kib: 19_456,
        passes: 2,
    };

    /// The least that argon2 allows: for tests, which check what is decided and not how long it takes.
    pub const FOR_TESTS: Self = Self {
        memory_kib: 8,
        passes: 1,
    };

    pub(super) fn argon2(self) -> Argon2<'static> {
        // Both constants are within argon2's bounds; its own default (which is OWASP's too) keeps this free of panics.
        let params = Params::new(self.memory_kib, self.passes, 1, None).unwrap_or_default();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    }

    /// A hash that no password has, at this cost: what is checked when there is no account.
    pub(super) fn decoy(self) -> String {
        let (memory, passes) = (self.memory_kib, self.passes);
        format!(
            "$argon2id$v=19$m={memory},t={passes},p=1$ZGVjb3lkZWNveWRlY295$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        )
    }
}

/// Why a password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordsError {
    /// Too many sign-ins are waiting already.
    #[error("too many sign-ins at once")]
    Busy(RetryAfter),
    /// A stored hash that cannot be read, or argon2 itself failed.
    #[error("a password could not be hashed or checked: {0}")]
    Broken(String),
}

/// Hashes and checks passwords.
#[derive(Debug, Clone)]
pub struct Passwords {
    cost: PasswordCost,
    /// One permit for each that runs or waits.
    admitted: Arc<Semaphore>,
    /// One permit for each that runs.
    running: Arc<Semaphore>,
}

impl Passwords {
    /// As many at a time as there are cores: more would only take memory from one another.
    pub fn new(cost: PasswordCost) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::with_parallelism(cost, cores, PASSWORDS_WAITING_MAX)
    }

    fn with_parallelism(cost: PasswordCost, running: usize, waiting: usize) -> Self {
        Self {
            cost,
            admitted: Arc::new(Semaphore::new(running + waiting)),
            running: Arc::new(Semaphore::new(running)),
        }
    }

    /// The PHC string to store.
    pub async fn hash(&self, password: NewPassword) -> Result<String, PasswordsError> {
        let argon2 = self.cost.argon2();
        self.run(move || {
            argon2
                .hash_password(password.0.as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|error| error.to_string())
        })
        .await
    }

    /// The hash to store: of a password a new one, else the one that came.
    pub async fn hash_of(&self, secret: NewSecret) -> Result<String, PasswordsError> {
        match secret {
            NewSecret::Password(password) => self.hash(password).await,
            NewSecret::Hash(hash) => Ok(hash.into_text()),
        }
    }

    /// Does `password` belong to `hash`? `None`, for an account that does not exist or has no password, takes as long and
    /// says no. `bcrypt_cost` is the highest that any account's hash has: all refusals take as long as one of that.
    pub async fn verify(
        &self,
        password: String,
        hash: Option<String>,
        bcrypt_cost: Option<u32>,
    ) -> Result<Checked, PasswordsError> {
        if password.len() > PASSWORD_BYTES_MAX {
            // Nobody has such a password; this tells the sender only about what they sent.
            return Ok(Checked::Wrong);
        }
        let cost = self.cost;
        self.run(move || hashes::check(&password, hash.as_deref(), cost, bcrypt_cost))
            .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, PasswordsError> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned();
        let admitted: OwnedSemaphorePermit =
            admitted.map_err(|_| PasswordsError::Busy(RetryAfter(Duration::from_secs(1))))?;
        let running = Arc::clone(&self.running).acquire_owned().await;
        let running = running.map_err(|error| PasswordsError::Broken(error.to_string()))?;
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work and not by the caller, who may go away while it runs.
            let _permits = (admitted, running);
            work()
        });
        let done = done.await.map_err(|error| PasswordsError::Broken(error.to_string()))?;
        done.map_err(PasswordsError::Broken)
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::phc::PasswordHash;

    use super::*;

    fn password(text: &str) -> NewPassword {
        NewPassword::parse(text).unwrap()
    }

    #[tokio::test]
    async fn only_the_right_password_belongs() {
        let passwords = Passwords::new(PasswordCost::FOR_TESTS);
        let hash = passwords.hash(password("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
        let verify = |text: &str, hash: Option<&str>| passwords.verify(text.to_owned(), hash.map(str::to_owned), None);
        assert_eq!(verify("correct horse", Some(&hash)).await.unwrap(), Checked::Right);
        assert_eq!(verify("correct horsf", Some(&hash)).await.unwrap(), Checked::Wrong);
        assert_eq!(verify("correct horse", None).await.unwrap(), Checked::Wrong);
        let long = "x".repeat(100_000);
        assert_eq!(verify(&long, Some(&hash)).await.unwrap(), Checked::Wrong);
        assert!(matches!(
            verify("x", Some("plain text")).await,
            Err(PasswordsError::Broken(_))
        ));
        assert_ne!(hash, passwords.hash(password("correct horse")).await.unwrap(), "salted");
    }

    #[tokio::test]
    async fn the_decoy_costs_what_a_hash_costs() {
        for cost in [PasswordCost::OWASP, PasswordCost::FOR_TESTS] {
            let real = cost.argon2().hash_password(b"correct horse").unwrap();
            let text = cost.decoy();
            let decoy = PasswordHash::new(&text).unwrap();
            assert_eq!(
                (decoy.algorithm, decoy.version, &decoy.params),
                (real.algorithm, real.version, &real.params)
            );
            assert_eq!(decoy.hash.unwrap().len(), real.hash.unwrap().len());
        }
    }

    #[tokio::test]
    async fn more_than_can_wait_are_told_to_come_back() {
        let passwords = Passwords::with_parallelism(PasswordCost::FOR_TESTS, 1, 1);
        let held = Arc::clone(&passwords.running).acquire_owned().await.unwrap();
        let first = tokio::spawn({
            let passwords = passwords.clone();
            async move { passwords.verify("a".into(), None, None).await }
        });
        let second = tokio::spawn({
            let passwords = passwords.clone();
            async move { passwords.verify("b".into(), None, None).await }
        });
        while passwords.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(
            passwords.verify("c".into(), None, None).await,
            Err(PasswordsError::Busy(_))
        ));
        drop(held);
        assert_eq!(first.await.unwrap().unwrap(), Checked::Wrong);
        assert_eq!(second.await.unwrap().unwrap(), Checked::Wrong);
        let again = passwords.verify("d".into(), None, None).await;
        assert_eq!(again.unwrap(), Checked::Wrong, "there is room again");
    }

    #[test]
    fn lengths() {
        assert!(NewPassword::parse("1234567").is_err());
        assert!(NewPassword::parse("12345678").is_ok());
        assert!(NewPassword::parse("x".repeat(256)).is_ok());
        assert!(NewPassword::parse("x".repeat(257)).is_err());
        assert_eq!(NewPassword::generate().expose().len(), 24);
        assert_eq!(format!("{:?}", password("12345678")), "[password]");
    }
}

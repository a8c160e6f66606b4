//! How accounts come to be and change: by themselves, by an operator, and the operator's own.

use chat_core::ports::{CreateUserError, NewUser, StoreError};
use chat_core::user::{InvalidDisplayName, InvalidUsername, parse_display_name, parse_username};
use chat_core::{Role, User};

use super::{Authority, SignedIn};
use crate::identity::{InvalidPassword, NewPassword, NewSecret, PasswordsError};
use crate::settings::Registration;

/// An account as it is asked for; nothing of it is checked yet.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Lower-cased and checked.
    pub username: String,
    /// The username when there is none.
    pub display_name: Option<String>,
    /// Already checked.
    pub password: NewSecret,
    /// What it may do.
    pub role: Role,
}

/// Why an account could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// By the operator's decision.
    #[error("registration is closed here")]
    RegistrationClosed,
    /// It would not be unique.
    #[error("this username is taken")]
    Taken,
    /// It is none.
    #[error("username: {0}")]
    Username(#[from] InvalidUsername),
    /// It is none.
    #[error("display_name: {0}")]
    DisplayName(#[from] InvalidDisplayName),
    /// It is none.
    #[error("password: {0}")]
    Password(#[from] InvalidPassword),
    /// Somebody else has the name of the operator's account.
    #[error(
        "the account `admin` has the role {0}, so that nobody could sign in to the admin with it: make it an admin (UPDATE users SET role = 'admin' WHERE username = 'admin') or give it another name first"
    )]
    NotAdmin(&'static str),
    /// Nobody has this username.
    #[error("there is no such account")]
    NotFound,
    /// The password could not be hashed.
    #[error(transparent)]
    Passwords(#[from] PasswordsError),
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CreateUserError> for AccountError {
    fn from(error: CreateUserError) -> Self {
        match error {
            CreateUserError::Taken => AccountError::Taken,
            CreateUserError::Store(error) => AccountError::Store(error),
        }
    }
}

/// The username of the operator's own account.
pub const ADMIN_USERNAME: &str = "admin";

impl Authority {
    /// Makes an account for whoever asks, where that is allowed, and signs them in.
    pub async fn register(
        &self,
        username: String,
        password: &str,
        display_name: Option<String>,
    ) -> Result<SignedIn, AccountError> {
        if self.policy.registration == Registration::Closed {
            return Err(AccountError::RegistrationClosed);
        }
        let password = NewPassword::parse(password)?;
        let user = self
            .add(NewAccount {
                username,
                display_name,
                password: password.into(),
                role: Role::User,
            })
            .await?;
        Ok(self.sign_in(user)?)
    }

    /// Makes an account: the operator's way, which nothing closes.
    pub async fn add(&self, new: NewAccount) -> Result<User, AccountError> {
        let username = parse_username(&new.username)?;
        let display_name = match &new.display_name {
            Some(name) => parse_display_name(name)?,
            None => username.clone(),
        };
        let hash = self.passwords.hash_of(new.password).await?;
        let user = self.accounts.create_user(NewUser {
            id: self.ids.user_id(),
            username,
            display_name,
            role: new.role,
            password_hash: Some(hash),
            at: self.clock.now(),
        });
        Ok(user.await?)
    }

    /// The account with this username.
    pub async fn account(&self, username: &str) -> Result<User, AccountError> {
        let username = parse_username(username)?;
        let stored = self.accounts.credentials(&username).await?;
        stored.map(|stored| stored.user).ok_or(AccountError::NotFound)
    }

    /// Sets the password of an account, or the hash of one.
    pub async fn set_password(&self, user: &User, secret: impl Into<NewSecret>) -> Result<(), AccountError> {
        let hash = self.passwords.hash_of(secret.into()).await?;
        let known = self.accounts.set_password(&user.id, &hash).await?;
        if known { Ok(()) } else { Err(AccountError::NotFound) }
    }

    /// Disables an account, or enables it again.
    pub async fn set_disabled(&self, user: &User, disabled: bool) -> Result<(), AccountError> {
        let at = disabled.then(|| self.clock.now());
        let known = self.accounts.set_disabled(&user.id, at).await;
        // Even when it failed: whether it was stored is then unknown.
        self.recent.changed();
        let known = known?;
        if known { Ok(()) } else { Err(AccountError::NotFound) }
    }

    /// Sees to it that the account `admin` exists, with the password that was set, if one was. A generated password is
    /// returned, to be printed once: it is kept nowhere else.
    pub async fn ensure_admin(&self, password: Option<&str>) -> Result<Option<NewPassword>, AccountError> {
        let stored = self.accounts.credentials(ADMIN_USERNAME).await?;
        let given = password.map(NewPassword::parse).transpose()?;
        let Some(stored) = stored else {
            let generated = if given.is_none() {
                Some(NewPassword::generate())
            } else {
                None
            };
            let Some(password) = given.or_else(|| generated.clone()) else {
                return Ok(None);
            };
            let (username, display_name) = (ADMIN_USERNAME.to_owned(), Some("Admin".to_owned()));
            return match self
                .add(NewAccount {
                    username,
                    display_name,
                    password: password.into(),
                    role: Role::Admin,
                })
                .await
            {
                Ok(_) => Ok(generated),
                // Another process was faster; its password counts, and it has printed it.
                Err(AccountError::Taken) => Ok(None),
                Err(error) => Err(error),
            };
        };
        if stored.user.role != Role::Admin {
            // Somebody's own account by accident; setting its password would hand it over.
            return Err(AccountError::NotAdmin(stored.user.role.as_str()));
        }
        if let Some(given) = given {
            // The variable says what the password is, not what it was at first.
            let same = self
                .passwords
                .verify(given.expose().to_owned(), stored.password_hash, None)
                .await?;
            if !same.is_right() {
                self.set_password(&stored.user, given).await?;
            }
        }
        Ok(None)
    }
}

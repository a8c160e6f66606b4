//! Users that another server has and makes known here.

use chat_core::ports::NewUser;
use chat_core::user::{parse_display_name, parse_username, username_from_name};
use chat_core::{Role, UserId};
use rollcall_protocol::{ErrorCode, UserView, WireError};

use super::refusal::from_store;
use super::{Actor, Chat};

/// A user of another server.
#[derive(Debug, Clone)]
pub struct Person {
    /// That server's id of them.
    pub id: UserId,
    /// Wanted; made from the display name or the id when it is not given.
    pub username: Option<String>,
    /// What others see; the username when it is not given.
    pub display_name: Option<String>,
}

impl Chat {
    /// Makes an account for a user of a service, if there is none with this id; true when it is new. One that is there stays as it is.
    pub async fn provision(&self, actor: &Actor, person: Person) -> Result<(UserView, bool), WireError> {
        self.refuse_when_closing()?;
        if !matches!(actor.role, Role::Service | Role::Admin) {
            return Err(WireError::new(
                ErrorCode::Forbidden,
                "only a service makes accounts for others",
            ));
        }
        let bad = |field: &str, error: &dyn std::fmt::Display| {
            WireError::new(ErrorCode::BadRequest, format!("{field}: {error}"))
        };
        let username = match (&person.username, &person.display_name) {
            (Some(name), _) => parse_username(name).map_err(|error| bad("username", &error))?,
            (None, Some(name)) => username_from_name(name),
            (None, None) => username_from_name(person.id.as_str()),
        };
        let display_name = match &person.display_name {
            Some(name) => parse_display_name(name).map_err(|error| bad("display_name", &error))?,
            None => username.clone(),
        };
        let new = NewUser {
            id: person.id,
            username,
            display_name,
            role: Role::User,
            password_hash: None,
            at: self.ports.clock.now(),
        };
        let provisioned = self.ports.accounts.provision_user(new).await;
        let (user, made) = provisioned.map_err(|error| from_store(&error))?;
        Ok((UserView::from(&user), made))
    }
}

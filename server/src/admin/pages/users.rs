//! Users: every account, and who of them is here.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chat_core::ports::operators::{UserFilter, UserOrder};
use chat_core::{Role, Timestamp, User, UserId};
use serde::Serialize;

use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, Column, FilterForm, Order, Paged, Pager};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Stamp, Status, counted, visible};

/// What users can be sorted by.
const COLUMNS: [&str; 5] = ["username", "display_name", "role", "last_seen", "created_at"];

/// An account as the JSON has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct UserRow {
    pub(crate) id: UserId,
    pub(crate) username: String,
    pub(crate) display_name: String,
    pub(crate) role: Role,
    pub(crate) online: bool,
    /// Live sockets.
    pub(crate) sockets: usize,
    pub(crate) created_at: Timestamp,
    pub(crate) last_seen: Option<Timestamp>,
    pub(crate) disabled_at: Option<Timestamp>,
}

impl UserRow {
    pub(crate) fn new(user: User, sockets: usize) -> Self {
        Self {
            id: user.id,
            username: user.username,
            display_name: user.display_name,
            role: user.role,
            online: sockets > 0,
            sockets,
            created_at: user.created_at,
            last_seen: user.last_seen,
            disabled_at: user.disabled_at,
        }
    }

    /// What is true of the account now, in a word.
    pub(crate) fn state(&self) -> (Status, String) {
        match (self.disabled_at, self.sockets) {
            (Some(_), 0) => (Status::Failed, "disabled".to_owned()),
            (Some(_), _) => (Status::Failed, "disabled, still connected".to_owned()),
            (None, 0) => (Status::Offline, "offline".to_owned()),
            (None, sockets) => (
                Status::Healthy,
                format!("online, {}", counted(sockets, "socket", "sockets")),
            ),
        }
    }
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "users.html")]
pub(crate) struct UsersPage {
    chrome: Chrome,
    sentence: Sentence,
    columns: Vec<Column>,
    rows: Vec<Row>,
    pager: Option<Pager>,
    form: FilterForm,
    role: String,
    roles: [&'static str; 4],
    online: bool,
}

#[derive(Debug)]
struct Row {
    href: String,
    id: Id,
    username: String,
    display_name: String,
    role: &'static str,
    state: (Status, String),
    last_seen: Option<Stamp>,
    created: Stamp,
}

fn order(asked: &Asked) -> Result<Order, Refusal> {
    asked.order(&COLUMNS, Order::rising("username"))
}

fn role(asked: &Asked) -> Result<Option<Role>, Refusal> {
    let parsed = asked.get("role").map(str::parse).transpose();
    parsed.map_err(|error: chat_core::user::InvalidRole| Refusal::BadRequest(format!("`role`: {error}")))
}

fn filter(asked: &Asked) -> Result<UserFilter, Refusal> {
    let order = order(asked)?;
    Ok(UserFilter {
        text: asked.text("q")?,
        role: role(asked)?,
        order: match order.by {
            "display_name" => UserOrder::DisplayName,
            "role" => UserOrder::Role,
            "last_seen" => UserOrder::LastSeen,
            "created_at" => UserOrder::CreatedAt,
            _ => UserOrder::Username,
        },
        falling: order.falling,
    })
}

async fn gather(deps: &AdminDeps, asked: &Asked) -> Result<(Paged<UserRow>, usize), Refusal> {
    let paging = asked.paging()?;
    let online = deps.inspect.users_online();
    let all_online = online.len();
    if asked.get("online").is_some() {
        return Ok((select(online, asked)?, all_online));
    }
    let sockets: HashMap<&UserId, usize> = online.iter().map(|(user, sockets)| (&user.id, *sockets)).collect();
    let listed = deps.reads.list_users(&filter(asked)?, paging.slice()).await?;
    let row = |user: User| {
        let sockets = sockets.get(&user.id).copied().unwrap_or(0);
        UserRow::new(user, sockets)
    };
    Ok((paging.listed(listed).map(row), all_online))
}

/// The page of the online ones that were asked for, in the order that was asked for.
fn select(mut users: Vec<(Arc<User>, usize)>, asked: &Asked) -> Result<Paged<UserRow>, Refusal> {
    let (order, role, paging) = (order(asked)?, role(asked)?, asked.paging()?);
    if let Some(text) = asked.filter("q")? {
        let has = |field: &str| field.to_lowercase().contains(&text);
        users.retain(|(user, _)| has(&user.username) || has(&user.display_name) || has(user.id.as_str()));
    }
    users.retain(|(user, _)| role.is_none_or(|role| role == user.role));
    let paged = paging.cut_sorted(users, |(a, _), (b, _)| {
        let by = match order.by {
            "display_name" => a.display_name.to_lowercase().cmp(&b.display_name.to_lowercase()),
            "role" => a.role.as_str().cmp(b.role.as_str()),
            "last_seen" => a.last_seen.cmp(&b.last_seen),
            "created_at" => a.created_at.cmp(&b.created_at),
            _ => a.username.cmp(&b.username),
        };
        order.apply(by).then_with(|| a.username.cmp(&b.username))
    });
    Ok(paged.map(|(user, sockets)| UserRow::new(User::clone(&user), sockets)))
}

fn compose(scene: &Scene, paged: &Paged<UserRow>, online: usize) -> Result<UsersPage, Refusal> {
    let asked = &scene.asked;
    let order = order(asked)?;
    let row = |user: &UserRow| Row {
        href: super::user_href(&user.id),
        id: Id::new(&user.id),
        username: visible(&user.username).into_owned(),
        display_name: visible(&user.display_name).into_owned(),
        role: user.role.as_str(),
        state: user.state(),
        last_seen: user.last_seen.map(|at| scene.stamp(at)),
        created: scene.stamp(user.created_at),
    };
    let form = FilterForm::new(asked, &["q", "role", "online"]);
    Ok(UsersPage {
        chrome: scene.chrome(Some(Tab::Users), "Users"),
        sentence: sentence(paged.total, online, form.set),
        columns: vec![
            Column::new(asked, order, "username", "Username", false),
            Column::new(asked, order, "display_name", "Name", false),
            Column::new(asked, order, "role", "Role", false),
            Column::plain("State"),
            Column::new(asked, order, "last_seen", "Last seen", true),
            Column::new(asked, order, "created_at", "Made", true),
        ],
        rows: paged.items.iter().map(row).collect(),
        pager: Pager::new(asked, paged),
        form,
        role: asked.shown("role"),
        roles: [Role::User, Role::Service, Role::Observer, Role::Admin].map(Role::as_str),
        online: asked.get("online").is_some(),
    })
}

fn sentence(total: usize, online: usize, filtered: bool) -> Sentence {
    let here = match online {
        0 => "None of them is online.".to_owned(),
        _ => format!("{} online.", counted(online, "person is", "people are")),
    };
    if filtered {
        let found = counted(total, "account matches.", "accounts match.");
        let here = if online == 0 {
            "Nobody is online.".to_owned()
        } else {
            here
        };
        return Sentence::new(Status::Healthy, found).and(here);
    }
    Sentence::new(
        if online == 0 { Status::Offline } else { Status::Healthy },
        format!("{} here.", counted(total, "account is", "accounts are")),
    )
    .and(here)
}

/// `GET /admin/users`
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene) -> Result<Response, Refusal> {
    let (paged, online) = gather(&deps, &scene.asked).await?;
    html(&compose(&scene, &paged, online)?)
}

/// `GET /admin/api/users`
pub(crate) async fn api(State(deps): State<AdminDeps>, asked: Asked) -> Result<Json<Paged<UserRow>>, Refusal> {
    Ok(Json(gather(&deps, &asked).await?.0))
}

#[cfg(test)]
pub(crate) fn sample(role: Role) -> UsersPage {
    let scene = Scene::sample("/admin/users?page_size=2&q=a", role);
    let paged = scene.asked.paging().unwrap().cut(tests::users());
    let paged = paged.map(|(user, sockets)| UserRow::new(User::clone(&user), sockets));
    compose(&scene, &paged, 1).unwrap()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::tests::HOSTILE;
    use super::*;
    use crate::admin::scene::sample_time;

    pub(crate) fn user(id: &str, name: &str) -> User {
        User {
            id: UserId::parse(id).unwrap(),
            username: id.to_owned(),
            display_name: name.to_owned(),
            role: Role::User,
            created_at: sample_time(90_000),
            disabled_at: None,
            last_seen: Some(sample_time(60)),
        }
    }

    pub(super) fn users() -> Vec<(Arc<User>, usize)> {
        let gone = User {
            disabled_at: Some(sample_time(5)),
            last_seen: None,
            role: Role::Observer,
            ..user("bob", "Bob")
        };
        vec![
            (Arc::new(user("alice", HOSTILE)), 2),
            (Arc::new(gone), 0),
            (Arc::new(user("carol", "Carol")), 0),
        ]
    }

    fn names(uri: &str) -> Vec<String> {
        let asked = Asked::of(&uri.parse().unwrap());
        select(users(), &asked)
            .unwrap()
            .items
            .into_iter()
            .map(|user| user.username)
            .collect()
    }

    #[test]
    fn those_who_are_online_are_filtered_and_sorted_as_the_store_does_it() {
        assert_eq!(names("/x?sort=-username"), ["carol", "bob", "alice"]);
        assert_eq!(names("/x?q=CAR"), ["carol"]);
        assert_eq!(names("/x?role=observer"), ["bob"]);
        assert_eq!(names("/x?sort=last_seen")[0], "bob", "never seen comes first");
        assert!(select(users(), &Asked::of(&"/x?role=king".parse().unwrap())).is_err());
    }

    #[test]
    fn a_disabled_account_that_is_connected_stands_out() {
        let row = UserRow::new(
            User {
                disabled_at: Some(sample_time(1)),
                ..user("x", "X")
            },
            1,
        );
        assert_eq!(row.state(), (Status::Failed, "disabled, still connected".to_owned()));
    }
}

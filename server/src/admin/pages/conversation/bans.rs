//! Who may not be in a conversation, since when and by whom.

use std::collections::HashMap;

use chat_core::ConversationId;
use rollcall_protocol::event::{BanView, ConversationView};
use serde::Serialize;

use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, Table, holds};
use crate::admin::pages::{conversation_href, segment, user_href};
use crate::admin::refusal::Refusal;
use crate::admin::scene::Scene;
use crate::admin::words::{Stamp, visible};

/// A ban as the JSON has it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BanState {
    #[serde(flatten)]
    pub(super) ban: BanView,
    /// Who banned, while there is such an account.
    pub(super) by_username: Option<String>,
}

/// A ban as the table shows it.
#[derive(Debug)]
pub(super) struct BanRow {
    pub(super) key: String,
    pub(super) username: String,
    pub(super) href: String,
    pub(super) reason: Option<String>,
    pub(super) by: String,
    pub(super) by_href: String,
    pub(super) at: Stamp,
    pub(super) lift: String,
}

/// All of them, the newest first.
pub(super) async fn gather(deps: &AdminDeps, id: &ConversationId) -> Result<Vec<BanState>, Refusal> {
    // A few owners and admins ban, however many are banned.
    let mut names: HashMap<_, Option<String>> = HashMap::new();
    let mut bans = Vec::new();
    for ban in deps.chat.bans_for_operators(id).await? {
        if !names.contains_key(&ban.by) {
            let by = deps.accounts.user(&ban.by).await?;
            names.insert(ban.by.clone(), by.map(|user| user.username));
        }
        let by_username = names.get(&ban.by).cloned().flatten();
        bans.push(BanState { ban, by_username });
    }
    Ok(bans)
}

pub(super) fn table<'a>(asked: &Asked, bans: &'a [BanState]) -> Table<&'a BanState> {
    Table::new(asked, "bans", bans.iter().collect())
        .sorted("username", "User", |a, b| a.ban.username.cmp(&b.ban.username))
        .plain("Why")
        .sorted("by", "By", |a, b| a.by_username.cmp(&b.by_username))
        .figures("at", "Since", |a, b| a.ban.at.cmp(&b.ban.at))
        .unseen("Change")
        .found(|state, text| {
            let BanState { ban, by_username } = state;
            let by = by_username.as_deref().unwrap_or(ban.by.as_str());
            let reason = ban.reason.as_deref().unwrap_or_default();
            holds(
                text,
                &[&ban.username, &ban.display_name, ban.user_id.as_str(), by, reason],
            )
        })
}

pub(super) fn row(scene: &Scene, conversation: &ConversationView, state: &BanState) -> BanRow {
    let BanState { ban, by_username } = state;
    BanRow {
        key: ban.user_id.to_string(),
        username: visible(&ban.username).into_owned(),
        href: user_href(&ban.user_id),
        reason: ban.reason.as_deref().map(|reason| visible(reason).into_owned()),
        by: visible(by_username.as_deref().unwrap_or(ban.by.as_str())).into_owned(),
        by_href: user_href(&ban.by),
        at: scene.stamp(ban.at),
        lift: format!(
            "{}/bans/{}/lift",
            conversation_href(&conversation.id),
            segment(ban.user_id.as_str())
        ),
    }
}

//! Events about conversations, their participants and single messages.

use std::sync::Arc;

use rollcall_protocol::Request;
use rollcall_protocol::reply::{Bans, Changed, Listed, Nothing, Updated};

use super::{Gateway, Turn};
use crate::chat::Actor;

impl Gateway {
    pub(super) async fn act_on_conversations(self: &Arc<Self>, turn: &Turn, actor: &Actor, request: Request) {
        let chat = &self.chat;
        match request {
            Request::ListConversations => {
                let listed = chat.list_conversations(actor).await;
                self.answer(turn, listed.map(|conversations| Listed { conversations }))
                    .await;
            }
            Request::CreateConversation(create) => {
                let created = chat.create_conversation(actor, create).await;
                self.answer(turn, created.map(|(conversation, _)| Changed { conversation }))
                    .await;
            }
            Request::AddParticipants(add) => {
                let added = chat.add_participants(actor, &add.conversation_id, &add.user_ids).await;
                self.answer(turn, added.map(|conversation| Changed { conversation }))
                    .await;
            }
            Request::RemoveParticipant(remove) => {
                let removed = chat
                    .remove_participant(actor, &remove.conversation_id, &remove.user_id)
                    .await;
                self.answer(turn, removed.map(|conversation| Changed { conversation }))
                    .await;
            }
            Request::EditMessage(edit) => {
                let edited = chat.edit_message(actor, edit).await;
                self.answer(turn, edited.map(|message| Updated { message })).await;
            }
            Request::DeleteMessage(id) => {
                let deleted = chat.delete_message(actor, &id).await;
                self.answer(turn, deleted.map(|message| Updated { message })).await;
            }
            other => self.act_on_standing(turn, actor, other).await,
        }
    }

    /// What somebody wants to hear, and who may not be here.
    async fn act_on_standing(self: &Arc<Self>, turn: &Turn, actor: &Actor, request: Request) {
        let chat = &self.chat;
        match request {
            Request::MuteConversation(mute) => {
                let muted = chat.mute_conversation(actor, mute).await;
                self.answer(turn, muted.map(|conversation| Changed { conversation }))
                    .await;
            }
            Request::BanParticipant(ban) => {
                let banned = chat.ban_participant(actor, ban).await;
                self.answer(turn, banned.map(|conversation| Changed { conversation }))
                    .await;
            }
            Request::UnbanParticipant(unban) => {
                let lifted = chat.unban_participant(actor, &unban).await;
                self.answer(turn, lifted.map(|()| Nothing {})).await;
            }
            Request::ListBans(id) => {
                let bans = chat.bans(actor, &id).await;
                self.answer(turn, bans.map(|bans| Bans { bans })).await;
            }
            Request::WatchReceipts(wish) => {
                let watching = chat.watch_receipts(actor, &turn.socket, wish).await;
                self.answer(turn, watching).await;
            }
            // Carried out before it came here.
            _ => {}
        }
    }
}

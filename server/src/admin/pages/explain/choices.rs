//! When only half of the question was asked: the answers of which one is meant, each with its verdict.

use chat_core::explain::{Cause, Explanation};
use chat_core::{ConversationId, UserId};

use super::super::user::rows::Named;
use super::super::{cause_beside, explain_message_href, explain_now_href, user};
use crate::admin::AdminDeps;
use crate::admin::refusal::Refusal;
use crate::admin::words::{Sentence, Status, count, counted, visible};
use crate::chat::explain::DeliveryReport;

/// Verdicts on one page: each takes a few reads, and somebody waits.
const CHOICES_MAX: usize = 50;

/// A list of answers.
#[derive(Debug)]
pub(crate) struct Choices {
    /// What a row is: `User` or `Conversation`.
    pub(crate) of: &'static str,
    pub(crate) rows: Vec<Choice>,
    pub(crate) more: Option<String>,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) status: Status,
    pub(crate) word: &'static str,
    pub(crate) cause: &'static str,
    pub(crate) summary: String,
}

fn more(all: usize) -> Option<String> {
    let left = all.saturating_sub(CHOICES_MAX);
    (left > 0).then(|| format!("{} more are not judged here: name one of them.", count(left)))
}

/// Would arrive, in a word.
fn now(name: String, href: String, explained: &Explanation) -> Choice {
    let (status, word) = match explained.cause {
        None => (Status::Healthy, "would arrive"),
        Some(Cause::Offline) => (Status::Offline, "offline"),
        Some(_) => (Status::Failed, "would not arrive"),
    };
    Choice {
        name,
        href,
        status,
        word,
        cause: cause_beside(word, explained.cause),
        summary: visible(&explained.summary).into_owned(),
    }
}

fn verdict(rows: &[Choice], about: &str) -> Sentence {
    let failed = rows.iter().filter(|row| row.status == Status::Failed).count();
    match (rows.len(), failed) {
        (0, _) => Sentence::new(Status::Offline, format!("{about}: there is nothing to judge.")),
        (_, 0) => {
            Sentence::new(Status::Healthy, format!("{about}: nothing is wrong.")).and("Choose a row for the evidence.")
        }
        (all, failed) => Sentence::new(
            Status::Failed,
            format!("{about}: {} of {} would not arrive.", count(failed), count(all)),
        )
        .and("Choose a row for the evidence and what to do."),
    }
}

/// Which of a message's participants?
pub(crate) fn of_message(report: &DeliveryReport) -> (Sentence, Choices) {
    let row = |participant: &crate::chat::explain::ParticipantReport| Choice {
        name: visible(&participant.username).into_owned(),
        href: explain_message_href(&report.message.id, &participant.user_id),
        status: participant.status.into(),
        word: participant.status.as_str(),
        cause: cause_beside(participant.status.as_str(), participant.cause),
        summary: counted(participant.sockets.len(), "socket", "sockets"),
    };
    let rows: Vec<Choice> = report.participants.iter().take(CHOICES_MAX).map(row).collect();
    let failed = rows.iter().filter(|row| row.status == Status::Failed).count();
    let sentence = match failed {
        0 => Sentence::new(
            Status::Healthy,
            "This message is missing nowhere where it could have arrived.",
        ),
        _ => Sentence::new(
            Status::Failed,
            format!(
                "This message did not arrive at {}.",
                counted(failed, "participant", "participants")
            ),
        ),
    };
    let choices = Choices {
        of: "User",
        more: more(report.participants.len()),
        rows,
    };
    (sentence.and("Choose a row for the evidence."), choices)
}

/// Which of a user's conversations?
pub(crate) async fn of_user(deps: &AdminDeps, id: &UserId) -> Result<(Sentence, Choices), Refusal> {
    let user = user::find(deps, id.as_str()).await?;
    let seen = deps.chat.conversations_seen_by(id).await?;
    let mut rows = Vec::new();
    for seen in seen.iter().take(CHOICES_MAX) {
        let conversation = &seen.conversation;
        let others = conversation.participants.iter().filter(|other| other.user_id != *id);
        let with: Vec<String> = others.take(3).map(|other| other.username.clone()).collect();
        let Named { name, .. } = Named::new(&conversation.id, conversation.title.as_deref(), &with);
        let explained = deps.chat.explain_now(&conversation.id, id).await?;
        rows.push(now(name, explain_now_href(&conversation.id, id), &explained));
    }
    let about = format!("A message to {} now", visible(&user.username));
    let choices = Choices {
        of: "Conversation",
        more: more(seen.len()),
        rows,
    };
    Ok((verdict(&choices.rows, &about), choices))
}

/// Which of a conversation's participants?
pub(crate) async fn of_conversation(deps: &AdminDeps, id: &ConversationId) -> Result<(Sentence, Choices), Refusal> {
    let found = deps.chat.conversation_for_operators(id).await?;
    let (conversation, participants) = found.ok_or_else(|| {
        Refusal::not_found(
            "conversation",
            id.as_str(),
            "All of them are listed under Conversations.",
        )
    })?;
    let mut rows = Vec::new();
    for participant in participants.iter().take(CHOICES_MAX) {
        let explained = deps.chat.explain_now(id, &participant.user_id).await?;
        let name = visible(&participant.username).into_owned();
        rows.push(now(name, explain_now_href(id, &participant.user_id), &explained));
    }
    let names: Vec<String> = participants.iter().take(3).map(|p| p.username.clone()).collect();
    let Named { name, .. } = Named::new(id, conversation.title.as_deref(), &names);
    let choices = Choices {
        of: "User",
        more: more(participants.len()),
        rows,
    };
    Ok((verdict(&choices.rows, &format!("A message in “{name}” now")), choices))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(status: Status) -> Choice {
        Choice {
            name: String::new(),
            href: String::new(),
            status,
            word: "",
            cause: "",
            summary: String::new(),
        }
    }

    #[test]
    fn the_first_line_counts_what_is_wrong() {
        let rows = [row(Status::Healthy), row(Status::Failed), row(Status::Offline)];
        assert_eq!(verdict(&rows, "A message").lead, "A message: 1 of 3 would not arrive.");
        assert_eq!(verdict(&rows[..1], "A message").status, Status::Healthy);
        assert_eq!(verdict(&[], "A message").status, Status::Offline);
    }
}

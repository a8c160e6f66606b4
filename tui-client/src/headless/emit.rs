//! `send`: a message, or any event.

use std::io::Read;

use anyhow::{Context, Result, bail};
use rollcall_client::protocol::chat_core::{ConversationId, MessageId};
use rollcall_client::protocol::reply::Sent;
use rollcall_client::protocol::request::SendMessage;
use rollcall_client::{CallError, Client};
use serde_json::{Value, json};

use super::{Outcome, finding};
use crate::args::SendArgs;
use crate::out::{Out, Tone, note};
use crate::site::Site;

pub(super) async fn send(site: &Site, args: &SendArgs, out: Out) -> Result<Outcome> {
    match &args.event {
        Some(event) => emit(site, event, args, out).await,
        None => messages(site, args, out).await,
    }
}

/// Each as JSON, or as text where it is none.
pub(super) fn arguments(texts: &[String]) -> Vec<Value> {
    let read = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
    texts.iter().map(read).collect()
}

async fn emit(site: &Site, event: &str, args: &SendArgs, out: Out) -> Result<Outcome> {
    let builder = site.builder(site.identities.first()).plain(true);
    let (client, mut events) = builder.connect().await.context("no connection")?;
    // What the server says meanwhile must not stop the answer.
    let reader = tokio::spawn(async move { while events.next().await.is_some() {} });
    let data = arguments(&args.text);
    if args.no_ack {
        client.emit_args(event, data).await?;
        // Answered after the event was written: a goodbye travels behind it.
        client.close().await;
        reader.abort();
        return Ok(Outcome::Good);
    }
    let answer = client.emit_args_with_ack(event, data).await;
    client.close().await;
    reader.abort();
    match answer {
        Ok(answer) => {
            let refused = answer["ok"] == json!(false);
            if site.json {
                out.json(&json!({"event": event, "ack": answer}))?;
            } else {
                out.json(&answer)?;
            }
            Ok(if refused { Outcome::Bad } else { Outcome::Good })
        }
        Err(CallError::Timeout(waited)) => {
            note(format!(
                "■ no acknowledgement of {event:?} within {waited:?}: nobody listens to it, or its listener does not answer (--no-ack)"
            ));
            Ok(Outcome::Bad)
        }
        Err(error) => Err(error.into()),
    }
}

async fn messages(site: &Site, args: &SendArgs, out: Out) -> Result<Outcome> {
    let texts = texts(args)?;
    let wanted = args.conversation.as_deref().context("--conversation is missing")?;
    let (client, mut events) = site
        .builder(Some(site.first()?))
        .connect()
        .await
        .context("no connection")?;
    let session = finding::session(&mut events, site).await?;
    let conversation = finding::conversation(&session, wanted)?.id.clone();
    let reader = tokio::spawn(async move { while events.next().await.is_some() {} });
    let mut outcome = Outcome::Good;
    for text in texts {
        let sent = one(&client, &conversation, text, args.reply_to.as_deref()).await?;
        if sent.delivery.failed > 0 {
            outcome = Outcome::Bad;
        }
        print(site, out, &sent)?;
    }
    client.close().await;
    reader.abort();
    Ok(outcome)
}

async fn one(client: &Client, conversation: &ConversationId, text: String, reply_to: Option<&str>) -> Result<Sent> {
    let reply_to = reply_to
        .map(MessageId::parse)
        .transpose()
        .context("--reply-to is no id")?;
    let message = SendMessage {
        conversation_id: conversation.clone(),
        content: text,
        client_message_id: None,
        reply_to,
        sender_id: None,
    };
    Ok(client.send_message(message).await?)
}

fn texts(args: &SendArgs) -> Result<Vec<String>> {
    if !args.text.is_empty() {
        return Ok(vec![args.text.join(" ")]);
    }
    let mut input = String::new();
    let mut stdin = std::io::stdin().lock();
    stdin.read_to_string(&mut input).context("standard input is no text")?;
    let texts: Vec<String> = if args.lines {
        input
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(ToOwned::to_owned)
            .collect()
    } else {
        Some(input.trim_end_matches(['\r', '\n']).to_owned())
            .filter(|text| !text.trim().is_empty())
            .into_iter()
            .collect()
    };
    if texts.is_empty() {
        bail!("there is nothing to send: give the text, or write it to standard input");
    }
    Ok(texts)
}

fn print(site: &Site, out: Out, sent: &Sent) -> Result<()> {
    let delivery = sent.delivery;
    if site.json {
        let sent = json!({"message": sent.message, "duplicate": sent.duplicate, "delivery": delivery});
        return Ok(out.json(&sent)?);
    }
    let whole = delivery.failed == 0;
    let words = format!(
        "{} #{} saved, handed over to {} of {} sockets; {} of {} people are online",
        if whole { "●" } else { "▲" },
        sent.message.seq.0,
        delivery.handed_off,
        delivery.sockets,
        delivery.online,
        delivery.participants
    );
    out.line(format!(
        "{}  {}",
        out.paint(if whole { Tone::Good } else { Tone::Late }, &words),
        sent.message.id
    ))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_json_or_text() {
        let read = arguments(&["{\"a\":1}".into(), "12".into(), "hello".into(), "\"12\"".into()]);
        assert_eq!(read, [json!({"a": 1}), json!(12), json!("hello"), json!("12")]);
    }
}

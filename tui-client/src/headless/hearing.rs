//! `listen` and `tail`: what a server says, as it says it.

use std::future::pending;
use std::io;

use anyhow::{Context, Result, bail};
use rollcall_client::protocol::chat_core::{Message, Seq};
use rollcall_client::{Builder, ClientEvent, Direction, Events, GapOutcome, Packet, PacketKind, ServerEvent, State};
use serde_json::{Value, json};
use tokio::signal::ctrl_c;
use tokio::sync::mpsc;
use tokio::time::{Duration, sleep};

use super::{Outcome, emit, finding};
use crate::args::{ListenArgs, TailArgs};
use crate::clock;
use crate::out::{Out, Tone, note};
use crate::site::Site;
use crate::text::harmless_line;

/// Packets on their way to the output; a terminal that is stopped must not fill the memory.
const WAITING_MAX: usize = 4_096;

/// Ends after a time, if one was given.
pub(super) async fn after(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => pending().await,
    }
}

pub(super) async fn listen(site: &Site, args: &ListenArgs, out: Out) -> Result<Outcome> {
    let (packets, mut wire) = mpsc::channel(WAITING_MAX);
    let builder = site.builder(site.identities.first()).plain(true);
    let builder = if args.wire { tapped(builder, packets) } else { builder };
    let (client, mut events) = builder.connect().await.context("no connection")?;
    note(format!("listening to {}", site.url));
    if let Some(event) = &args.first {
        client.emit_args(event, emit::arguments(&args.args)).await?;
    }
    let mut left = args.count.unwrap_or(u64::MAX);
    let lasts = after(args.lasts.map(|span| span.0));
    tokio::pin!(lasts);
    while left > 0 {
        tokio::select! {
            event = events.next() => match event {
                Some(ClientEvent::Server(ServerEvent::Other { event, data })) if !args.wire && wanted(args, &event) => {
                    heard(site, out, &event, &data)?;
                    left -= 1;
                }
                Some(event) => state(&event)?,
                None => bail!("the connection ended"),
            },
            Some((direction, text)) = wire.recv() => {
                let packet = Packet::read(&text);
                if args.events.is_empty() || packet.event.as_deref().is_some_and(|event| wanted(args, event)) {
                    passed(site, out, direction, &packet)?;
                    left -= 1;
                }
            }
            () = &mut lasts => break,
            _ = ctrl_c() => break,
        }
    }
    client.close().await;
    Ok(Outcome::Good)
}

fn wanted(args: &ListenArgs, event: &str) -> bool {
    args.events.is_empty() || args.events.iter().any(|name| name == event)
}

/// Lets every packet through to a channel. What does not fit is left out: the connection must not wait for a terminal.
pub(super) fn tapped(builder: Builder, packets: mpsc::Sender<(Direction, String)>) -> Builder {
    builder.tap(move |packet| {
        let _ = packets.try_send((packet.direction, packet.text.to_owned()));
    })
}

fn heard(site: &Site, out: Out, event: &str, args: &Value) -> io::Result<()> {
    if site.json {
        return out.json(&json!({"at": clock::now(), "event": event, "args": args}));
    }
    let words = args.as_array().into_iter().flatten().map(Value::to_string);
    let words: Vec<String> = words.collect();
    out.line(format!(
        "{}  {}  {}",
        out.paint(Tone::Faint, &clock::of_day()),
        out.paint(Tone::Strong, &harmless_line(event)),
        harmless_line(&words.join(" "))
    ))
}

/// One packet, as `listen --wire` and `replay` show it.
pub(super) fn passed(site: &Site, out: Out, direction: Direction, packet: &Packet) -> io::Result<()> {
    if site.json {
        return out.json(&packet_json(&clock::now(), direction, packet));
    }
    out.line(packet_line(out, &clock::of_day(), direction, packet))
}

pub(super) fn packet_json(at: &str, direction: Direction, packet: &Packet) -> Value {
    json!({
        "at": at, "direction": if direction == Direction::In { "in" } else { "out" },
        "kind": packet.kind.as_str(), "namespace": packet.namespace, "ack": packet.ack,
        "event": packet.event, "data": packet.data,
    })
}

pub(super) fn packet_line(out: Out, at: &str, direction: Direction, packet: &Packet) -> String {
    let arrow = if direction == Direction::In { "←" } else { "→" };
    let kind = match (&packet.event, packet.ack) {
        (Some(event), Some(ack)) => format!("{} {event} #{ack}", packet.kind),
        (Some(event), None) => format!("{} {event}", packet.kind),
        (None, Some(ack)) => format!("{} #{ack}", packet.kind),
        (None, None) => packet.kind.to_string(),
    };
    let tone = match packet.kind {
        PacketKind::ConnectError | PacketKind::Unknown => Tone::Failed,
        kind if kind.is_heartbeat() => Tone::Faint,
        _ => Tone::Strong,
    };
    let data = if packet.data.is_null() {
        String::new()
    } else {
        packet.data.to_string()
    };
    format!(
        "{}  {arrow} {}  {}",
        out.paint(Tone::Faint, at),
        out.paint(tone, &harmless_line(&kind)),
        harmless_line(&data)
    )
}

/// What becomes of the connection goes to standard error.
pub(super) fn state(event: &ClientEvent) -> Result<()> {
    match event {
        ClientEvent::State(State::Reconnecting { reason, retry_in, .. }) => {
            note(format!("▲ {reason}; again in {:.1} s", retry_in.as_secs_f64()));
        }
        ClientEvent::State(State::Connected { sid }) => note(format!("● connected, SID {sid}")),
        ClientEvent::State(State::Closed { reason }) => bail!("the connection ended: {reason}"),
        ClientEvent::Undecodable { why, preview, .. } => {
            note(format!("a packet cannot be read: {why}: {}", harmless_line(preview)));
        }
        _ => {}
    }
    Ok(())
}

pub(super) async fn tail(site: &Site, args: &TailArgs, out: Out) -> Result<Outcome> {
    let (client, mut events) = site
        .builder(Some(site.first()?))
        .connect()
        .await
        .context("no connection")?;
    let session = finding::session(&mut events, site).await?;
    let wanted = args
        .conversation
        .as_deref()
        .map(|name| finding::conversation(&session, name));
    let wanted = wanted.transpose()?.map(|view| view.id.clone());
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut after_seq = args.after.map(Seq);
    let mut newest = Seq::ZERO;
    while let (Some(conversation), Some(after)) = (&wanted, after_seq) {
        let page = client.sync(conversation, after, None).await?;
        for message in &page.messages {
            if left == 0 {
                break;
            }
            out.json(&serde_json::to_value(message)?)?;
            (newest, left) = (message.seq, left - 1);
        }
        after_seq = page
            .messages
            .last()
            .map(|last| last.seq)
            .filter(|_| page.more && left > 0);
    }
    let lasts = after(args.lasts.map(|span| span.0));
    tokio::pin!(lasts);
    let is_wanted = |message: &Message| wanted.as_ref().is_none_or(|id| message.conversation_id == *id);
    while left > 0 {
        tokio::select! {
            event = events.next() => match event.context("the connection ended")? {
                ClientEvent::Server(ServerEvent::NewMessage(message)) if is_wanted(&message) => {
                    if wanted.is_some() && message.seq <= newest {
                        continue;
                    }
                    out.json(&serde_json::to_value(&message)?)?;
                    left -= 1;
                }
                ClientEvent::Gap(gap) => note(match &gap.outcome {
                    GapOutcome::Filling => format!("▲ #{} to #{} did not come by themselves; fetching", gap.after.0 + 1, gap.until.0),
                    GapOutcome::Filled { messages } => format!("● {messages} fetched"),
                    GapOutcome::Lost(reason) => format!("■ #{} to #{} are lost here: {reason:?}", gap.after.0 + 1, gap.until.0),
                }),
                event => state(&event)?,
            },
            () = &mut lasts => break,
            _ = ctrl_c() => break,
        }
    }
    events_end(events, &client).await;
    Ok(Outcome::Good)
}

async fn events_end(events: Events, client: &rollcall_client::Client) {
    drop(events);
    client.close().await;
}

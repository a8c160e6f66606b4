//! `record` and `replay`.

use anyhow::{Context, Result, ensure};
use rollcall_client::{Packet, PacketKind};
use tokio::signal::ctrl_c;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep_until};

use super::Outcome;
use super::hearing::{after, packet_json, packet_line};
use crate::args::{RecordArgs, ReplayArgs, ServerArgs};
use crate::clock;
use crate::out::{Out, note};
use crate::sign_in::Patience;
use crate::site::Site;
use crate::tape::{self, Entry, Head, Way, Writer};

/// Packets on their way to the disk.
const WAITING_MAX: usize = 16_384;

pub(super) async fn record(site: &Site, args: &RecordArgs) -> Result<Outcome> {
    let mut writer = Writer::create(&args.file, &Head::new(&site.url, clock::now()))?;
    let started = Instant::now();
    let (packets, mut waiting) = mpsc::channel::<Entry>(WAITING_MAX);
    let mut clients = Vec::new();
    let mut readers = JoinSet::new();
    let people = site
        .identities
        .iter()
        .map(Some)
        .chain(site.identities.is_empty().then_some(None));
    for identity in people {
        let (packets, who) = (packets.clone(), identity.map(|identity| identity.name.clone()));
        let builder = site.builder(identity).plain(identity.is_none()).tap(move |packet| {
            let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let (direction, text) = (Way::from(packet.direction), packet.text.to_owned());
            let who = who.clone();
            let _ = packets.try_send(Entry {
                ms,
                who,
                direction,
                text,
            });
        });
        let (client, mut events) = builder.connect().await.context("no connection")?;
        clients.push(client);
        readers.spawn(async move { while events.next().await.is_some() {} });
    }
    drop(packets);
    note(format!("recording to {}; Ctrl-C ends it", args.file.display()));
    let lasts = after(args.lasts.map(|span| span.0));
    tokio::pin!(lasts);
    let mut count = 0_u64;
    loop {
        tokio::select! {
            entry = waiting.recv() => match entry {
                Some(entry) => {
                    writer.entry(&entry)?;
                    count += 1;
                }
                None => break,
            },
            Some(_) = readers.join_next() => note("▲ a connection ended for good"),
            () = &mut lasts => break,
            _ = ctrl_c() => break,
        }
    }
    for client in clients {
        client.close().await;
    }
    // The goodbyes belong to the story.
    while let Ok(entry) = waiting.try_recv() {
        writer.entry(&entry)?;
        count += 1;
    }
    note(format!("{count} packets recorded"));
    Ok(Outcome::Good)
}

pub(super) async fn replay(server: &ServerArgs, args: &ReplayArgs, out: Out) -> Result<Outcome> {
    ensure!(
        args.speed >= 0.0 && args.speed.is_finite(),
        "--speed is a number from 0 on"
    );
    let (head, entries) = tape::read(&args.file)?;
    note(format!(
        "{} packets of {}, from {}",
        entries.len(),
        head.url,
        head.started_at
    ));
    let sender = if args.send {
        Some(Sender::connect(server).await?)
    } else {
        None
    };
    let started = Instant::now();
    let mut outcome = Outcome::Good;
    for entry in &entries {
        if args.speed > 0.0 {
            sleep_until(started + Duration::from_millis(entry.ms).div_f64(args.speed)).await;
        }
        let packet = Packet::read(&entry.text);
        if let Some(sender) = &sender {
            let is_sent = entry.direction == Way::Out && packet.kind == PacketKind::Event;
            if is_sent && sender.send(&packet, out).await? == Outcome::Bad {
                outcome = Outcome::Bad;
            }
        } else if server.json {
            let mut shown = packet_json(&entry.ms.to_string(), entry.direction.into(), &packet);
            shown["at"] = entry.ms.into();
            shown["as"] = entry.who.clone().into();
            out.json(&shown)?;
        } else {
            let at = format!("{:>9.3}", Duration::from_millis(entry.ms).as_secs_f64());
            let at = entry.who.as_ref().map_or(at.clone(), |who| format!("{at}  {who}"));
            out.line(packet_line(out, &at, entry.direction.into(), &packet))?;
        }
    }
    if let Some(sender) = sender {
        sender.client.close().await;
    }
    Ok(outcome)
}

/// Sends what was sent, over a connection of today.
struct Sender {
    client: rollcall_client::Client,
}

impl Sender {
    async fn connect(server: &ServerArgs) -> Result<Self> {
        let site = Site::open(server, Patience::None).await?;
        let connected = site.builder(site.identities.first()).plain(true).connect().await;
        let (client, mut events) = connected.context("no connection")?;
        tokio::spawn(async move { while events.next().await.is_some() {} });
        Ok(Self { client })
    }

    /// Bad where a Rollcall says in the acknowledgement that it did not do it.
    async fn send(&self, packet: &Packet, out: Out) -> Result<Outcome> {
        let Some(event) = &packet.event else {
            return Ok(Outcome::Good);
        };
        let args = packet.data.as_array().cloned().unwrap_or_default();
        if packet.ack.is_none() {
            self.client.emit_args(event, args).await?;
            return Ok(Outcome::Good);
        }
        let answer = self.client.emit_args_with_ack(event, args).await?;
        out.json(&serde_json::json!({"event": event, "ack": answer}))?;
        let is_refused = answer["ok"] == serde_json::Value::Bool(false);
        Ok(if is_refused { Outcome::Bad } else { Outcome::Good })
    }
}

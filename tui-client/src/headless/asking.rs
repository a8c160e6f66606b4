//! Questions to the server's API: rooms, sockets, deliveries, causes, traffic, probes.

use anyhow::Result;
use serde_json::{Value, json};
use tokio::signal::ctrl_c;

use super::Outcome;
use crate::args::{MonitorArgs, ProbeArgs, RoomsArgs, SocketsArgs};
use crate::out::{Cell, Out, Tone, note, shown};
use crate::site::{Site, admin_error};
use crate::text::harmless_line;

mod causes;
mod paging;

pub(crate) use causes::cause_beside;
pub(super) use causes::{delivery, explain};

/// A value of an object as a cell.
fn cell(value: &Value, field: &str) -> Cell {
    Cell::plain(shown(&value[field]))
}

pub(super) async fn rooms(site: &Site, args: &RoomsArgs, out: Out) -> Result<Outcome> {
    if let Some(room) = &args.room {
        return one_room(site, room, out).await;
    }
    let limit = args.limit as usize;
    let (whole, items) = paging::whole(site, "rooms", args.search.as_deref(), limit, "name").await?;
    paging::more(&whole, limit);
    if site.json {
        out.json(&whole)?;
        return Ok(Outcome::Good);
    }
    let rows = items.iter().map(|room| {
        let fields = ["name", "kind", "sockets", "namespace", "conversation_id"];
        fields.map(|field| cell(room, field)).to_vec()
    });
    out.table(
        &["room", "kind", "sockets", "namespace", "conversation"],
        &rows.collect::<Vec<_>>(),
    )?;
    Ok(Outcome::Good)
}

async fn one_room(site: &Site, room: &str, out: Out) -> Result<Outcome> {
    let answer = site.admin(&["rooms", "/", room], &[]).await?;
    let missing = answer["missing"].as_array().map(Vec::as_slice).unwrap_or_default();
    let outcome = if missing.is_empty() {
        Outcome::Good
    } else {
        Outcome::Bad
    };
    if site.json {
        out.json(&answer)?;
        return Ok(outcome);
    }
    let members = answer["members"].as_array().map(Vec::as_slice).unwrap_or_default();
    let words = if missing.is_empty() {
        out.paint(Tone::Good, &format!("● {} sockets, nobody is missing", members.len()))
    } else {
        let words = format!(
            "▲ {} sockets; {} people are online and not in it",
            members.len(),
            missing.len()
        );
        out.paint(Tone::Late, &words)
    };
    out.line(words)?;
    let row = |member: &Value| {
        let fields = ["username", "sid", "transport", "node_id", "joined_at"];
        fields.map(|field| cell(member, field)).to_vec()
    };
    let mut rows: Vec<Vec<Cell>> = members.iter().map(row).collect();
    rows.extend(missing.iter().map(|user| {
        let sids = user["sids"].as_array().into_iter().flatten().map(shown);
        let sids: Vec<String> = sids.collect();
        vec![
            cell(user, "username"),
            Cell::plain(sids.join(" ")),
            Cell::new(Tone::Failed, "■ missing"),
        ]
    }));
    out.table(&["user", "SID", "transport", "node", "joined"], &rows)?;
    Ok(outcome)
}

pub(super) async fn sockets(site: &Site, args: &SocketsArgs, out: Out) -> Result<Outcome> {
    if let Some(sid) = &args.sid {
        let answer = site.admin(&["sockets", sid], &[]).await?;
        if site.json {
            out.json(&answer)?;
        } else {
            fields(out, &answer)?;
        }
        return Ok(Outcome::Good);
    }
    let limit = args.limit as usize;
    let (whole, items) = paging::whole(site, "sockets", args.search.as_deref(), limit, "sid").await?;
    paging::more(&whole, limit);
    if site.json {
        out.json(&whole)?;
        return Ok(Outcome::Good);
    }
    let rows = items.iter().map(|socket| {
        let lagging = socket["lagging"] == json!(true);
        let state = if lagging {
            Cell::new(Tone::Late, "▲ lagging")
        } else {
            Cell::new(Tone::Good, "●")
        };
        let rooms = socket["rooms"].as_array().map_or(0, Vec::len);
        let mut row = ["username", "sid", "transport", "client", "address"]
            .map(|field| cell(socket, field))
            .to_vec();
        row.extend([
            Cell::plain(rooms.to_string()),
            cell(socket, "receipts"),
            cell(socket, "connected_at"),
            state,
        ]);
        row
    });
    let head = [
        "user",
        "SID",
        "transport",
        "client",
        "address",
        "rooms",
        "receipts",
        "connected",
        "state",
    ];
    out.table(&head, &rows.collect::<Vec<_>>())?;
    Ok(Outcome::Good)
}

/// An object, a field a line.
fn fields(out: Out, value: &Value) -> std::io::Result<()> {
    let rows = value.as_object().into_iter().flatten();
    let rows: Vec<Vec<Cell>> = rows
        .map(|(name, value)| vec![Cell::plain(name), Cell::plain(shown(value))])
        .collect();
    out.table(&["field", "value"], &rows)
}

pub(super) async fn monitor(site: &Site, args: &MonitorArgs, out: Out) -> Result<Outcome> {
    let filters = [
        ("room", &args.room),
        ("user", &args.user),
        ("sid", &args.sid),
        ("event", &args.event),
        ("direction", &args.direction),
    ];
    let query: Vec<(&str, &str)> = filters
        .iter()
        .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
        .collect();
    let path = ["admin", "api", "traffic"];
    let opened = site.rest.stream(site.observer().as_deref(), &path, &query).await;
    let mut stream = opened.map_err(|error| admin_error(error, &path))?;
    note("watching the traffic; Ctrl-C ends it");
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        let event = tokio::select! {
            event = stream.next() => event?,
            _ = ctrl_c() => return Ok(Outcome::Good),
        };
        let Some(event) = event else {
            anyhow::bail!("the server ended the stream");
        };
        let data: Value = serde_json::from_str(&event.data).unwrap_or(Value::String(event.data));
        if event.event == "dropped" {
            note(format!(
                "▲ {} events were left out: too many at once",
                shown(&data["count"])
            ));
            continue;
        }
        left -= 1;
        if site.json {
            out.json(&data)?;
        } else {
            out.line(traffic_line(out, &data))?;
        }
    }
    Ok(Outcome::Good)
}

fn traffic_line(out: Out, data: &Value) -> String {
    // The time of day out of RFC 3339.
    let at = shown(&data["at"]);
    let at = at.get(11..23).unwrap_or(&at).to_owned();
    let arrow = if data["direction"] == "in" { "→" } else { "←" };
    // A name where there is one, and the id that it can be filtered by.
    let named = |name: &str, id: &str| match data[name].as_str() {
        Some(name) => format!("{name} {}", shown(&data[id])),
        None => shown(&data[id]),
    };
    format!(
        "{}  {arrow} {}  {}  {}  {}",
        out.paint(Tone::Faint, &harmless_line(&at)),
        out.paint(Tone::Strong, &harmless_line(&shown(&data["event"]))),
        harmless_line(&named("username", "sid")),
        harmless_line(&named("room_name", "room")),
        out.paint(Tone::Faint, &harmless_line(&shown(&data["preview"])))
    )
}

pub(super) async fn probe(site: &Site, args: &ProbeArgs, out: Out) -> Result<Outcome> {
    let answer = site.admin_post(&["probe"], &json!({"room": args.room})).await?;
    let results = answer["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    let answered = results.iter().filter(|result| result["result"] == "answered").count();
    let outcome = if answered == results.len() && answered > 0 {
        Outcome::Good
    } else {
        Outcome::Bad
    };
    if site.json {
        out.json(&answer)?;
        return Ok(outcome);
    }
    let words = match (answered, results.len()) {
        (_, 0) => out.paint(Tone::Failed, "■ nobody is in this room"),
        (all, some) if all == some => out.paint(Tone::Good, &format!("● all {some} sockets answered")),
        (few, some) => out.paint(Tone::Failed, &format!("■ {few} of {some} sockets answered")),
    };
    out.line(words)?;
    let rows = results.iter().map(|result| {
        let tone = if result["result"] == "answered" {
            Tone::Good
        } else {
            Tone::Failed
        };
        let (word, ms) = (shown(&result["result"]), shown(&result["ms"]));
        vec![
            cell(result, "sid"),
            cell(result, "user_id"),
            Cell::new(tone, word),
            Cell::plain(ms),
        ]
    });
    out.table(&["SID", "user", "result", "ms"], &rows.collect::<Vec<_>>())?;
    Ok(outcome)
}

//! `doctor`: why a client cannot connect, check by check, against any Socket.IO server. Each check says what was found, and what
//! to do about it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::Outcome;
use crate::args::{DoctorArgs, ServerArgs};
use crate::out::{Out, Tone, note};
use crate::text::harmless_line;

#[cfg(test)]
mod broken;
mod chat;
mod check;
mod cors;
mod handshake;
mod heartbeat;
mod patient;
mod polling;
mod reach;
#[cfg(test)]
mod tests;
mod tls;
mod token;
mod wire;

use check::{Check, Finding, State};
use patient::Patient;

pub(super) async fn run(server: &ServerArgs, args: &DoctorArgs, out: Out) -> Result<Outcome> {
    let wanted = wanted(&args.only)?;
    let patient = Patient::new(server, args).await?;
    note(format!(
        "doctor: {} with namespace {}",
        patient.shown(),
        patient.namespace
    ));
    let mut found = Vec::new();
    let mut examination = Examination::new(patient, args.clone());
    for check in Check::ALL {
        if !wanted.is_empty() && !is_needed(check, &wanted) {
            continue;
        }
        let finding = examination.check(check).await;
        if !server.json {
            print(out, &finding)?;
        }
        found.push(finding);
    }
    let failed = found.iter().filter(|finding| finding.state == State::Failed).count();
    let warned = found.iter().filter(|finding| finding.state == State::Warning).count();
    if server.json {
        let findings: Vec<_> = found.iter().map(Finding::json).collect();
        out.json(&json!({
            "ok": failed == 0, "url": examination.patient.shown(), "failed": failed, "warnings": warned,
            "checks": findings,
        }))?;
    } else {
        out.line("")?;
        out.line(sentence(out, &found, failed, warned))?;
    }
    Ok(if failed == 0 { Outcome::Good } else { Outcome::Bad })
}

fn wanted(names: &[String]) -> Result<Vec<Check>> {
    let known = Check::ALL.map(Check::name).join(", ");
    names
        .iter()
        .map(|name| Check::named(name).with_context(|| format!("there is no check {name:?}; there are {known}")))
        .collect()
}

/// Is it asked for, or does one that is need it?
fn is_needed(check: Check, wanted: &[Check]) -> bool {
    // `path` finds out where Socket.IO is: whatever is asked of that begins with it, though it goes on where `path` has failed.
    is_ground(check, wanted) || check == Check::Path && is_ground(Check::EngineIo, wanted)
}

fn is_ground(check: Check, wanted: &[Check]) -> bool {
    wanted.iter().any(|one| {
        *one == check || one.needs().contains(&check) || {
            let needs = one.needs();
            !needs.is_empty() && is_ground(check, needs)
        }
    })
}

/// A patient, and what is known so far.
struct Examination {
    patient: Patient,
    args: DoctorArgs,
    states: BTreeMap<Check, State>,
}

impl Examination {
    fn new(patient: Patient, args: DoctorArgs) -> Self {
        Self {
            patient,
            args,
            states: BTreeMap::new(),
        }
    }

    /// Makes a check, unless one that it needs has failed.
    async fn check(&mut self, check: Check) -> Finding {
        let is_bad = |need: &&Check| matches!(self.states.get(*need), Some(State::Failed | State::Blocked));
        let finding = match check.needs().iter().find(is_bad) {
            Some(need) => Finding::blocked(check, *need),
            None => self.make(check).await,
        };
        self.states.insert(check, finding.state);
        finding
    }

    async fn make(&mut self, check: Check) -> Finding {
        let patient = &mut self.patient;
        match check {
            Check::Dns => reach::dns(patient).await,
            Check::Tcp => reach::tcp(patient).await,
            Check::Tls => tls::tls(patient).await,
            Check::Http => reach::http(patient).await,
            Check::Clock => reach::clock(patient),
            Check::Path => handshake::path(patient).await,
            Check::EngineIo => handshake::engine_io(patient).await,
            Check::Polling => polling::polling(patient).await,
            Check::Sticky => polling::sticky(patient).await,
            Check::WebSocket => wire::websocket(patient).await,
            Check::Upgrade => wire::upgrade(patient).await,
            Check::Cors => cors::cors(patient).await,
            Check::Namespace => chat::namespace(patient).await,
            Check::Token => token::shape(patient),
            Check::Accepted => token::accepted(patient).await,
            Check::Signature => token::signature(patient).await,
            Check::AutoJoin => chat::auto_join(patient).await,
            Check::Echo => chat::echo(patient, self.args.event.as_deref()).await,
            Check::Heartbeat => heartbeat::heartbeat(patient, self.args.quick).await,
        }
    }
}

fn print(out: Out, finding: &Finding) -> Result<()> {
    let (tone, shape) = match finding.state {
        State::Good => (Tone::Good, "●"),
        State::Warning => (Tone::Late, "▲"),
        State::Failed => (Tone::Failed, "■"),
        State::Skipped | State::Blocked => (Tone::Faint, "○"),
    };
    let lead = format!("{shape} {:<10}", finding.check.name());
    out.line(format!("{} {}", out.paint(tone, &lead), harmless_line(&finding.found)))?;
    if let Some(remedy) = &finding.remedy {
        out.line(format!("             → {}", harmless_line(remedy)))?;
    }
    Ok(())
}

fn sentence(out: Out, found: &[Finding], failed: usize, warned: usize) -> String {
    let good = found.iter().filter(|finding| finding.state == State::Good).count();
    let first = found.iter().find(|finding| finding.state == State::Failed);
    match first {
        Some(first) => out.paint(
            Tone::Failed,
            &format!(
                "■ {failed} of {} checks failed; begin with {:?}",
                found.len(),
                first.check.name()
            ),
        ),
        None if warned > 0 => out.paint(Tone::Late, &format!("▲ {good} checks passed, {warned} with a warning")),
        None => out.paint(Tone::Good, &format!("● {good} checks passed")),
    }
}

impl Patient {
    /// All checks, for tests.
    #[cfg(test)]
    async fn examined(self, args: DoctorArgs) -> Vec<Finding> {
        let mut examination = Examination::new(self, args);
        let mut found = Vec::new();
        for check in Check::ALL {
            found.push(examination.check(check).await);
        }
        found
    }
}

/// Where the address comes from: as an argument, else as everywhere.
fn address(server: &ServerArgs, args: &DoctorArgs) -> Result<String> {
    let profile = crate::sign_in::profile(server)?;
    let url = args
        .address
        .clone()
        .unwrap_or_else(|| crate::sign_in::url(server, profile.as_ref()));
    ensure!(url.len() < 2_000, "this address is too long");
    Ok(with_scheme(url))
}

/// `chat.example.org` is what people type. `htp:/x` has a scheme, though a wrong one: whoever reads it as a URL says so.
fn with_scheme(address: String) -> String {
    if address.contains(":/") {
        address
    } else {
        format!("https://{address}")
    }
}

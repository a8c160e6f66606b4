//! Where a schedule is played, and what must be true when it is over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use rollcall_client::protocol::chat_core::ConversationId;
use rollcall_tests::{PATIENCE, Rest, Server, User, eventually};
use serde_json::{Value, json};
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::plan::{GROUPS, PEOPLE, Schedule, Step, TABS};
use super::tab::{Order, Tab};

/// How long the owner waits before hanging up: long enough for the request to leave, too short for most answers.
const HANG_UP_AFTER: Duration = Duration::from_millis(2);
const OWNER: usize = 0;

/// The server and its people; every schedule has groups of its own.
pub(crate) struct Stage {
    server: Server,
    admin: Rest,
    people: Vec<User>,
}

/// One schedule being played.
struct Play {
    owner: Rest,
    admin: Rest,
    people: Vec<Rest>,
    ids: Vec<String>,
    groups: Vec<ConversationId>,
    tabs: Vec<Tab>,
    /// What was acknowledged: content by group and seq.
    acknowledged: Mutex<BTreeMap<(usize, u64), String>>,
}

/// What REST says of a group.
struct Truth {
    log: Vec<String>,
    participants: Vec<String>,
}

impl Stage {
    pub(crate) async fn open() -> Result<Self> {
        let server = Server::start().await?;
        let mut people = Vec::new();
        for name in ["olga", "ben", "cora", "dan"] {
            people.push(server.rest().new_user(name).await?);
        }
        ensure!(people.len() == PEOPLE);
        let admin = server.admin().await?;
        Ok(Self { server, admin, people })
    }

    /// Plays it to its end, and says what is wrong then.
    pub(crate) async fn play(&self, schedule: &Schedule) -> Result<()> {
        let play = Arc::new(self.begin().await?);
        let mut running = JoinSet::new();
        for (number, step) in schedule.0.iter().enumerate() {
            if let Step::Pause { millis } = *step {
                sleep(Duration::from_millis(millis)).await;
                continue;
            }
            let (play, step) = (Arc::clone(&play), *step);
            running.spawn(async move { play.act(number, step).await.with_context(|| format!("{step}")) });
            tokio::task::yield_now().await;
        }
        while let Some(done) = running.join_next().await {
            done??;
        }
        play.finish().await
    }

    async fn begin(&self) -> Result<Play> {
        let people: Vec<Rest> = self
            .people
            .iter()
            .map(|user| self.server.rest().as_user(user))
            .collect();
        let others: Vec<&User> = self.people.iter().skip(1).collect();
        let mut groups = Vec::new();
        for _ in 0..GROUPS {
            groups.push(ConversationId::parse(people[OWNER].new_group(&others).await?)?);
        }
        let tab = |number: usize| Tab::start(self.server.url(), self.people[number % PEOPLE].token.clone(), &groups);
        let play = Play {
            owner: people[OWNER].clone(),
            admin: self.admin.clone(),
            ids: self.people.iter().map(|user| user.id.clone()).collect(),
            tabs: (0..TABS).map(tab).collect(),
            people,
            groups,
            acknowledged: Mutex::default(),
        };
        for tab in &play.tabs {
            tab.order(Order::Open);
        }
        play.settle().await;
        Ok(play)
    }
}

impl Play {
    async fn act(&self, number: usize, step: Step) -> Result<()> {
        match step {
            Step::Open { tab } => self.tabs[tab].order(Order::Open),
            Step::Close { tab } => self.tabs[tab].order(Order::Close),
            Step::Reload { tab } => self.tabs[tab].order(Order::Reload),
            Step::Cut { tab } => self.tabs[tab].order(Order::Cut),
            Step::Leave { tab, group } => self.tabs[tab].order(Order::Leave(self.groups[group].clone())),
            Step::Join { tab, group } => self.tabs[tab].order(Order::Join(self.groups[group].clone())),
            Step::Send { tab, group, times } => self.send(number, tab, group, times).await,
            Step::Post { person, group } => {
                let content = format!("step {} by REST", number + 1);
                if let Ok(sent) = self.people[person]
                    .post_message(self.groups[group].as_str(), &content)
                    .await
                {
                    let seq = sent["message"]["seq"].as_u64().context("a message without seq")?;
                    self.acknowledged.lock().await.insert((group, seq), content);
                }
            }
            Step::Add { person, group, hang_up } => {
                let path = format!("/api/v1/conversations/{}/participants", self.groups[group]);
                let body = json!({"user_ids": [self.ids[person]]});
                self.change(Method::POST, &path, Some(&body), hang_up).await?;
            }
            Step::Remove { person, group, hang_up } => {
                let path = format!(
                    "/api/v1/conversations/{}/participants/{}",
                    self.groups[group], self.ids[person]
                );
                self.change(Method::DELETE, &path, None, hang_up).await?;
            }
            Step::Evict { tab, group } => self.evict(tab, group).await?,
            Step::Pause { .. } => {}
        }
        Ok(())
    }

    async fn send(&self, number: usize, tab: usize, group: usize, times: usize) {
        let Some(client) = self.tabs[tab].client.lock().await.clone() else {
            return;
        };
        let sends = (1..=times).map(|time| {
            let content = format!("step {} by tab {tab}, {time} of {times}", number + 1);
            let (client, group) = (client.clone(), self.groups[group].clone());
            async move {
                client
                    .send(&group, content.clone())
                    .await
                    .ok()
                    .map(|sent| (sent.message.seq.0, content))
            }
        });
        let sent = futures_util::future::join_all(sends).await;
        let mut acknowledged = self.acknowledged.lock().await;
        acknowledged.extend(sent.into_iter().flatten().map(|(seq, content)| ((group, seq), content)));
    }

    /// A change of participants: refused or not, but never a failure of the server's own.
    async fn change(&self, method: Method, path: &str, body: Option<&Value>, hang_up: bool) -> Result<()> {
        let asked = self.owner.send(method, path, body);
        if hang_up {
            let _not_heard = timeout(HANG_UP_AFTER, asked).await;
            return Ok(());
        }
        let answer = asked.await?;
        ensure!(!answer.status.is_server_error(), "{}: {}", answer.status, answer.body);
        Ok(())
    }

    async fn evict(&self, tab: usize, group: usize) -> Result<()> {
        let sid = self.tabs[tab].reader.lock().await.sid.clone();
        if let Some(sid) = sid {
            let body = json!({"room": format!("conversation:{}", self.groups[group])});
            let path = format!("/admin/api/sockets/{sid}/leave");
            let answer = self.admin.send(Method::POST, &path, Some(&body)).await?;
            // It may be gone, or elsewhere.
            ensure!(!answer.status.is_server_error(), "{}: {}", answer.status, answer.body);
        }
        Ok(())
    }

    /// Waits until every tab that is open is connected and in its rooms.
    async fn settle(&self) {
        for tab in &self.tabs {
            let (done, settled) = oneshot::channel();
            tab.order(Order::Settle(done));
            // Tabs that have a fault to tell tell it by themselves.
            let _dropped = settled.await;
        }
    }

    async fn finish(&self) -> Result<()> {
        // Everybody holds something new at the end, so that what was missed shows as a gap.
        self.settle().await;
        for group in &self.groups {
            self.owner.post_message(group.as_str(), "the last message").await?;
        }
        let agreed = eventually("every tab holds what REST tells", PATIENCE, async || {
            self.disagreement()
                .await
                .ok()
                .and_then(|found| found.is_empty().then_some(()))
        });
        let agreed = agreed.await;
        // Nothing comes late, or twice.
        self.settle().await;
        let mut wrong = self.faults().await;
        wrong.extend(self.disagreement().await?);
        if let (Err(error), true) = (agreed, wrong.is_empty()) {
            wrong.push(error.to_string());
        }
        if wrong.is_empty() {
            return Ok(());
        }
        bail!("{}", wrong.join("\n"))
    }

    async fn faults(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (number, tab) in self.tabs.iter().enumerate() {
            let reader = tab.reader.lock().await;
            all.extend(reader.faults.iter().map(|fault| format!("tab {number}: {fault}")));
        }
        all
    }

    async fn disagreement(&self) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        for (group, id) in self.groups.iter().enumerate() {
            let truth = self.truth(id).await?;
            wrong.extend(self.wrong_in_log(group, &truth.log).await);
            for (number, tab) in self.tabs.iter().enumerate() {
                if tab.client.lock().await.is_none() {
                    continue;
                }
                let takes_part = truth.participants.contains(&self.ids[number % PEOPLE]);
                let reader = tab.reader.lock().await;
                let fault = match (takes_part, reader.runs.get(id)) {
                    (true, Some(run)) => run.fault_against(&truth.log),
                    (true, None) => Some("knows nothing of it and takes part".to_owned()),
                    (false, Some(_)) => Some("takes itself for a participant and is none".to_owned()),
                    (false, None) => None,
                };
                wrong.extend(fault.map(|fault| format!("tab {number}, group {group}: {fault}")));
            }
        }
        Ok(wrong)
    }

    /// What was acknowledged is saved where it was said to be, and nothing is saved twice.
    async fn wrong_in_log(&self, group: usize, log: &[String]) -> Vec<String> {
        let mut wrong = Vec::new();
        for ((of, seq), content) in self.acknowledged.lock().await.iter() {
            let saved = usize::try_from(*seq).ok().and_then(|seq| log.get(seq - 1));
            if *of == group && saved != Some(content) {
                wrong.push(format!(
                    "group {group}: {content:?} was acknowledged as {seq}, there is {saved:?}"
                ));
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        let doubles = log.iter().filter(|content| !seen.insert(*content));
        wrong.extend(doubles.map(|content| format!("group {group}: {content:?} is saved twice")));
        wrong
    }

    async fn truth(&self, id: &ConversationId) -> Result<Truth> {
        let path = format!("/api/v1/conversations/{id}");
        let mut log = Vec::new();
        loop {
            let page = self
                .owner
                .get(&format!("{path}/messages?limit=200&after_seq={}", log.len()))
                .await?;
            let messages = page["messages"].as_array().context("a page without messages")?;
            for message in messages {
                let next = log.len() as u64 + 1;
                ensure!(
                    message["seq"].as_u64() == Some(next),
                    "REST tells {} where {next} belongs",
                    message["seq"]
                );
                log.push(
                    message["content"]
                        .as_str()
                        .context("a message without content")?
                        .to_owned(),
                );
            }
            if page["more"] != json!(true) {
                break;
            }
        }
        let conversation = self.owner.get(&path).await?;
        let participants = conversation["participants"].as_array().context("no participants")?;
        let ids = participants.iter().filter_map(|p| p["id"].as_str().map(str::to_owned));
        Ok(Truth {
            log,
            participants: ids.collect(),
        })
    }
}

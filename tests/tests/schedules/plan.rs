//! What may happen, in what order.

use std::fmt;

use proptest::prelude::*;

/// People. The first one owns both groups and is never removed.
pub(crate) const PEOPLE: usize = 4;
/// Groups.
pub(crate) const GROUPS: usize = 2;
/// Connections: number `n` belongs to person `n % PEOPLE`, so that two people have two.
pub(crate) const TABS: usize = 6;

/// One thing that happens. Nothing waits for the one before it to be through, except at a pause.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// The tab connects; one that was there before resumes.
    Open { tab: usize },
    /// The tab takes leave.
    Close { tab: usize },
    /// The tab takes leave and connects as one that holds nothing.
    Reload { tab: usize },
    /// The tab's TCP connection is dropped; it comes back by itself and resumes.
    Cut { tab: usize },
    /// `leave_conversation`
    Leave { tab: usize, group: usize },
    /// `join_conversation` after what the tab holds.
    Join { tab: usize, group: usize },
    /// `send_message`, so many times, without waiting in between.
    Send { tab: usize, group: usize, times: usize },
    /// `POST messages`
    Post { person: usize, group: usize },
    /// The owner adds somebody, and may hang up instead of hearing the answer.
    Add { person: usize, group: usize, hang_up: bool },
    /// The owner removes somebody, and may hang up instead of hearing the answer.
    Remove { person: usize, group: usize, hang_up: bool },
    /// An admin takes the tab out of the group's room: a fault that the next message repairs.
    Evict { tab: usize, group: usize },
    /// Nothing happens for so many milliseconds.
    Pause { millis: u64 },
}

/// A whole story.
#[derive(Debug, Clone)]
pub(crate) struct Schedule(pub(crate) Vec<Step>);

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            writeln!(f, "{:>4}  {step}", number + 1)?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hangs_up = |hang_up: bool| if hang_up { ", and hangs up" } else { "" };
        match *self {
            Step::Open { tab } => write!(f, "tab {tab} connects"),
            Step::Close { tab } => write!(f, "tab {tab} takes leave"),
            Step::Reload { tab } => write!(f, "tab {tab} takes leave and begins anew"),
            Step::Cut { tab } => write!(f, "tab {tab} is cut"),
            Step::Leave { tab, group } => write!(f, "tab {tab} leaves group {group}"),
            Step::Join { tab, group } => write!(f, "tab {tab} joins group {group}"),
            Step::Send { tab, group, times } => write!(f, "tab {tab} sends {times} to group {group}"),
            Step::Post { person, group } => write!(f, "person {person} posts to group {group}"),
            Step::Add { person, group, hang_up } => {
                write!(
                    f,
                    "the owner adds person {person} to group {group}{}",
                    hangs_up(hang_up)
                )
            }
            Step::Remove { person, group, hang_up } => {
                write!(
                    f,
                    "the owner removes person {person} from group {group}{}",
                    hangs_up(hang_up)
                )
            }
            Step::Evict { tab, group } => write!(f, "an admin takes tab {tab} out of the room of group {group}"),
            Step::Pause { millis } => write!(f, "nothing for {millis} ms"),
        }
    }
}

/// Stories, most of them with much talk.
pub(crate) fn schedules() -> impl Strategy<Value = Schedule> {
    prop::collection::vec(step(), 10..70).prop_map(Schedule)
}

fn step() -> impl Strategy<Value = Step> {
    let tab = || 0..TABS;
    let group = || 0..GROUPS;
    let person = || 0..PEOPLE;
    let other = || 1..PEOPLE;
    prop_oneof![
        3 => tab().prop_map(|tab| Step::Open { tab }),
        1 => tab().prop_map(|tab| Step::Close { tab }),
        1 => tab().prop_map(|tab| Step::Reload { tab }),
        3 => tab().prop_map(|tab| Step::Cut { tab }),
        3 => (tab(), group()).prop_map(|(tab, group)| Step::Leave { tab, group }),
        3 => (tab(), group()).prop_map(|(tab, group)| Step::Join { tab, group }),
        9 => (tab(), group(), 1..6_usize).prop_map(|(tab, group, times)| Step::Send { tab, group, times }),
        3 => (person(), group()).prop_map(|(person, group)| Step::Post { person, group }),
        3 => (other(), group(), prop::bool::weighted(0.3))
            .prop_map(|(person, group, hang_up)| Step::Add { person, group, hang_up }),
        3 => (other(), group(), prop::bool::weighted(0.3))
            .prop_map(|(person, group, hang_up)| Step::Remove { person, group, hang_up }),
        1 => (tab(), group()).prop_map(|(tab, group)| Step::Evict { tab, group }),
        4 => (0..25_u64).prop_map(|millis| Step::Pause { millis }),
    ]
}

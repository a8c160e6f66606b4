//! What holds for any evidence.

use proptest::prelude::*;

use super::{arbitrary, healthy};
use crate::explain::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// Whatever the evidence: an answer that does not contradict itself, and the same one for both questions.
    #[test]
    fn an_answer_is_whole_and_agrees_with_itself(evidence in arbitrary::evidence()) {
        let explained = explain(&evidence);
        let delivery = status_of(&evidence);
        prop_assert_eq!((explained.verdict, explained.cause), (delivery.status, delivery.cause));

        let order: Vec<StepName> = explained.steps.iter().map(|step| step.step).collect();
        prop_assert_eq!(order, StepName::ALL.to_vec());
        prop_assert!(explained.summary.ends_with('.'), "{}", explained.summary);
        prop_assert_eq!(explained.remedy.is_some(), explained.cause.is_some());

        let fine = matches!(explained.verdict, Status::Delivered | Status::Read | Status::Sent);
        prop_assert_eq!(fine, explained.cause.is_none());
        prop_assert_eq!(explained.verdict == Status::Offline, explained.cause == Some(Cause::Offline));
        prop_assert_eq!(explained.verdict == Status::Unconfirmed, explained.cause == Some(Cause::NoReceipt));
    }

    /// The steps show what the verdict says.
    #[test]
    fn the_steps_agree_with_the_verdict(evidence in arbitrary::evidence()) {
        let explained = explain(&evidence);
        let is = |name: StepName, status| explained.steps.iter().any(|step| step.step == name && step.status == status);
        let confirmed = matches!(explained.verdict, Status::Delivered | Status::Read);
        prop_assert_eq!(is(StepName::Confirmed, StepStatus::Ok), confirmed);
        prop_assert_eq!(is(StepName::Read, StepStatus::Ok), explained.verdict == Status::Read);
        if let Some(cause) = explained.cause {
            let shown = explained.steps.iter().any(|step| matches!(step.status, StepStatus::Failed | StepStatus::Unknown));
            prop_assert!(shown, "{cause:?}: {:#?}", explained.steps);
        }
        prop_assert_eq!(is(StepName::Saved, StepStatus::Failed), explained.cause == Some(Cause::NotSaved));
    }

    /// The order in which the evidence was collected means nothing.
    #[test]
    fn the_order_of_the_evidence_does_not_matter(evidence in arbitrary::evidence()) {
        let mut turned = evidence.clone();
        turned.sockets.reverse();
        turned.connections.reverse();
        turned.rejected.reverse();
        turned.node_losses.reverse();
        let (one, other) = (explain(&evidence), explain(&turned));
        prop_assert_eq!((one.verdict, one.cause), (other.verdict, other.cause));
    }

    /// Nothing is ever held against somebody whose receipt covers the message.
    #[test]
    fn a_receipt_always_wins(mut evidence in arbitrary::evidence(), read: bool) {
        let Subject::Saved(message) = evidence.subject.clone() else { return Ok(()) };
        if message.seq == crate::Seq::ZERO { return Ok(()); }
        let cursors = Cursors { received_seq: message.seq, read_seq: if read { message.seq } else { crate::Seq::ZERO } };
        let membership = Membership { joined_at: message.created_at, joined_seq: crate::Seq::ZERO, left: None, cursors: Some(cursors) };
        evidence.membership = Some(vec![membership]);
        let expected = if read { Status::Read } else { Status::Delivered };
        prop_assert_eq!(explain(&evidence).verdict, expected);
    }

    /// Where nothing is on record about a user's connections, nothing is said about them.
    #[test]
    fn silence_accuses_nobody(mut evidence in arbitrary::evidence()) {
        evidence.sockets.clear();
        evidence.connections.clear();
        evidence.complete_since = None;
        let cause = explain(&evidence).cause;
        let allowed = [Cause::NotSaved, Cause::NotParticipant, Cause::JoinedLater, Cause::NotBroadcast, Cause::Unknown];
        prop_assert!(cause.is_none_or(|cause| allowed.contains(&cause)), "{cause:?}");
    }

    /// Where nothing went wrong, nothing is said to have gone wrong, at whatever moment one asks.
    #[test]
    fn a_healthy_world_has_no_faults(evidence in healthy::world()) {
        let explained = explain(&evidence);
        let fine = matches!(explained.verdict, Status::Delivered | Status::Read | Status::Sent | Status::Offline);
        prop_assert!(fine || explained.cause == Some(Cause::JoinedLater), "{explained:#?}");
    }
}

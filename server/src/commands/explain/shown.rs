//! An explanation as text: the verdict, the message's way step by step, what to do.

use std::fmt;

use chat_core::explain::{Explanation, StepStatus};

/// Shows an explanation.
pub(super) struct Shown<'a>(pub(super) &'a Explanation);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation {
            verdict,
            cause,
            summary,
            steps,
            remedy,
            trace_id,
        } = self.0;
        f.write_str(verdict.as_str())?;
        if let Some(cause) = cause.filter(|cause| cause.as_str() != verdict.as_str()) {
            write!(f, ": {}", cause.as_str())?;
        }
        writeln!(f, "\n{summary}\n")?;
        for step in steps {
            let at = step.at.map(|at| at.to_string()).unwrap_or_default();
            let name = step.step.as_str();
            let line = format!("  {} {name:11}  {at:24}  {}", sign(step.status), step.detail);
            writeln!(f, "{}", line.trim_end())?;
        }
        match remedy {
            Some(remedy) => write!(f, "\nWhat to do: {remedy}")?,
            None => f.write_str("\nNothing to do.")?,
        }
        trace_id.iter().try_for_each(|trace| write!(f, "\nTrace: {trace}"))
    }
}

fn sign(status: StepStatus) -> char {
    match status {
        StepStatus::Ok => '✓',
        StepStatus::Failed => '✗',
        StepStatus::Unknown => '?',
        StepStatus::Skipped => '–',
    }
}

#[cfg(test)]
mod tests {
    use chat_core::Timestamp;
    use chat_core::explain::{Cause, Status, Step, StepName};
    use chat_core::ids::TraceId;

    use super::*;

    fn step(step: StepName, status: StepStatus, at: Option<i64>, detail: &str) -> Step {
        Step {
            step,
            status,
            at: at.map(Timestamp::from_millis),
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn a_verdict_its_way_and_its_remedy() {
        let told = Explanation {
            verdict: Status::Unconfirmed,
            cause: Some(Cause::NoReceipt),
            summary: "bob never confirmed it.".to_owned(),
            steps: vec![
                step(StepName::Saved, StepStatus::Ok, Some(1_000), "#1 of c"),
                step(StepName::HandedOver, StepStatus::Unknown, None, "not on record"),
                step(StepName::Confirmed, StepStatus::Failed, None, "no receipt came"),
                step(StepName::Read, StepStatus::Skipped, None, ""),
            ],
            remedy: Some("Look at the listener.".to_owned()),
            trace_id: TraceId::parse("4bf92f3577b34da6a3ce929d0e0e4736").ok(),
        };
        insta::assert_snapshot!(Shown(&told), @"
        unconfirmed: no_receipt
        bob never confirmed it.

          ✓ saved        1970-01-01T00:00:01.000Z  #1 of c
          ? handed_over                            not on record
          ✗ confirmed                              no receipt came
          – read

        What to do: Look at the listener.
        Trace: 4bf92f3577b34da6a3ce929d0e0e4736
        ");
        let fine = Explanation {
            verdict: Status::Offline,
            cause: Some(Cause::Offline),
            summary: String::new(),
            steps: Vec::new(),
            remedy: None,
            trace_id: None,
        };
        assert_eq!(Shown(&fine).to_string(), "offline\n\n\n\nNothing to do.");
    }
}

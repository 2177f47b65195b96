//! Why an actor stands where it stands, and whether that speaks against a deploy.

use actor_migrate::{Adoption, Difference, Hazard, HazardCode, Need, OldChain, Standing, Verdict};
use serde::Serialize;

use super::rehearse::Rehearsal;
use crate::error::CliError;
use crate::facts;
use crate::output::{Diagnostic, count};

/// How many differences a cohort shows; `inspect` shows all.
const DIFFERENCES_MAX: usize = 3;

/// What the actors of a cohort have in common.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Cause {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleet: Option<String>,
    pub verdict: Verdict,
    pub adoption: Adoption,
    pub pending: Vec<String>,
    pub differences: Vec<Difference>,
    pub hazards: Vec<Hazard>,
    pub needs: Vec<Need>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The chain they ran before a baseline of the folder replaced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_chain: Option<OldChain>,
    pub advice: String,
    pub rehearsal: Rehearsal,
    /// Whether a deploy would fail on these actors, or do to them what nobody meant.
    pub blocks: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Diagnostic>,
}

impl Cause {
    /// The cause of an actor that could be read.
    pub(super) fn of(standing: Standing, rehearsal: Rehearsal) -> Self {
        Self {
            fleet: None,
            verdict: standing.verdict,
            adoption: standing.adoption,
            blocks: rehearsal.failed() || stops(&standing),
            pending: standing.pending,
            differences: standing.differences,
            hazards: standing.hazards,
            needs: standing.needs,
            reason: standing.reason,
            old_chain: standing.old_chain,
            advice: standing.advice,
            rehearsal,
            error: None,
        }
    }

    /// The cause of an actor that could not be read.
    pub(super) fn unreadable(error: &CliError) -> Self {
        let diagnostic = error.of_cohort();
        Self {
            fleet: None,
            verdict: Verdict::Unreadable,
            adoption: Adoption::Refuse,
            pending: Vec::new(),
            differences: Vec::new(),
            hazards: Vec::new(),
            needs: Vec::new(),
            reason: None,
            old_chain: None,
            advice: diagnostic.next.clone(),
            rehearsal: Rehearsal::NotNeeded,
            blocks: true,
            error: Some(diagnostic),
        }
    }

    /// One line: the verdict, what is pending, and how that went on copies.
    pub(super) fn headline(&self) -> String {
        let mut words = vec![self.verdict.to_string()];
        if self.adoption != Adoption::NotNeeded {
            words.push(format!("adoption {}", self.adoption));
        }
        if !self.pending.is_empty() {
            words.push(format!("pending: {}", facts::pending(&self.pending)));
        }
        match &self.rehearsal {
            Rehearsal::NotNeeded => {}
            Rehearsal::Passed => words.push("rehearsed on a copy of each".to_owned()),
            Rehearsal::Failed { .. } => words.push("fails on a copy of its data".to_owned()),
        }
        words.join(", ")
    }

    /// Why, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.error.iter().map(Diagnostic::line));
        if let Rehearsal::Failed { error } = &self.rehearsal {
            lines.push(error.line());
        }
        lines.extend(self.reason.clone());
        lines.extend(facts::hazards(&self.hazards));
        lines.extend(facts::differences(&self.differences).take(DIFFERENCES_MAX));
        if let Some(more @ 1..) = self.differences.len().checked_sub(DIFFERENCES_MAX) {
            lines.push(format!("and {}", count(more, "more difference")));
        }
        lines.extend(facts::needs(&self.needs));
        lines
    }
}

/// Whether the next wake would fail on an actor or do to it what nobody meant, as far as its standing tells.
fn stops(standing: &Standing) -> bool {
    match standing.verdict {
        Verdict::Fresh | Verdict::Current | Verdict::Behind | Verdict::EditedCosmetic => false,
        Verdict::Squashed => !passes_by(standing),
        _ => true,
    }
}

/// Whether stock runners take the baseline for done and run what comes after it, as on an actor that has
/// run all that a squash of ours replaced.
pub(super) fn passes_by(standing: &Standing) -> bool {
    let fails = |hazard: &Hazard| {
        matches!(
            hazard.code,
            HazardCode::BaselineRuns | HazardCode::NeverRuns
        )
    };
    standing.verdict == Verdict::Squashed
        && standing.adoption == Adoption::Safe
        && !standing.hazards.iter().any(fails)
}

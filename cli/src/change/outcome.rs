//! What became of one actor, in the words that people and scripts get.

use actor_migrate::{Adoption, MigrateError, Plan, Report, Standing, Verdict};
use serde::Serialize;

use super::sql;
use crate::error::CliError;
use crate::output::Diagnostic;

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// The plan failed and was undone.
    Failed,
    /// There is no plan: the actor must be brought elsewhere first, or cannot be read.
    Refused,
    /// The plan would run.
    Planned,
    /// The plan ran.
    Done,
    /// The actor is as asked already.
    NothingToDo,
}

/// What the actors of a cohort have in common.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Cause {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleet: Option<String>,
    pub outcome: Outcome,
    /// Where the actors stand now.
    pub verdict: Verdict,
    pub adoption: Adoption,
    pub pending: Vec<String>,
    /// Where they stood before, if they moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict_before: Option<Verdict>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub applied: Vec<String>,
    /// The digest of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// What the plan would do, statement by statement.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sql: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Diagnostic>,
}

impl Outcome {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Planned => "planned",
            Self::Done => "done",
            Self::NothingToDo => "nothing to do",
        }
    }

    /// Whether the actor is left otherwise than was asked.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::Failed | Self::Refused)
    }
}

impl Cause {
    /// An actor that stays where it is.
    pub(super) fn still(outcome: Outcome, standing: &Standing) -> Self {
        Self {
            fleet: None,
            outcome,
            verdict: standing.verdict,
            adoption: standing.adoption,
            pending: standing.pending.clone(),
            verdict_before: None,
            applied: Vec::new(),
            plan: None,
            sql: Vec::new(),
            error: None,
        }
    }

    /// An actor that has a plan.
    pub(super) fn planned(standing: &Standing, plan: &Plan) -> Self {
        let (digest, sql) = (Some(plan.digest.clone()), sql::script(plan));
        Self {
            plan: digest,
            sql,
            ..Self::still(Outcome::Planned, standing)
        }
    }

    /// An actor for which there is no plan.
    pub(super) fn refused(standing: &Standing, error: &MigrateError) -> Self {
        Self {
            error: Some(error.into()),
            ..Self::still(Outcome::Refused, standing)
        }
    }

    /// An actor whose plan ran.
    pub(super) fn done(report: &Report) -> Self {
        Self {
            verdict_before: Some(report.verdict_before),
            applied: report.applied.clone(),
            plan: Some(report.plan.clone()),
            ..Self::still(Outcome::Done, &report.standing)
        }
    }

    /// The same actor when its plan failed: nothing of it is left.
    pub(super) fn failed(self, error: &CliError) -> Self {
        Self {
            outcome: Outcome::Failed,
            sql: Vec::new(),
            error: Some(error.of_cohort()),
            ..self
        }
    }

    /// An actor that could not be read.
    pub(super) fn unreadable(error: &CliError) -> Self {
        Self {
            fleet: None,
            outcome: Outcome::Refused,
            verdict: Verdict::Unreadable,
            adoption: Adoption::Refuse,
            pending: Vec::new(),
            verdict_before: None,
            applied: Vec::new(),
            plan: None,
            sql: Vec::new(),
            error: Some(error.of_cohort()),
        }
    }
}

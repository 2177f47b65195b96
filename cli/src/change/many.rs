//! Many actors: all are planned first, then changed one by one, and told by cohort.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use actor_migrate::Plan;
use serde::Serialize;

use super::outcome::{Cause, Outcome};
use super::rehearse::rehearse;
use super::{Change, sql};
use crate::cohort::{Cohort, Cohorts};
use crate::error::CliError;
use crate::exit::Exit;
use crate::judge::Judge;
use crate::output::{Printer, count, style};
use crate::targets::{Fleet, Target};
use crate::{interrupt, pool};

/// The answer about many actors.
#[derive(Debug, Serialize)]
struct Answer {
    action: &'static str,
    actors: usize,
    counts: BTreeMap<Outcome, usize>,
    cohorts: Vec<Cohort<Cause>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What is to be done to actors that stand alike: their plans are equal, so one is kept.
struct Work {
    plan: Plan,
    cause: Cause,
}

/// An actor whose plan may run.
struct Job<'a> {
    judge: &'a Judge,
    target: &'a Target,
    work: Arc<Work>,
}

/// An actor after planning.
enum Planned {
    ToRun(Box<Work>),
    Still(Box<Cause>),
}

pub(super) fn run(
    change: &Change<'_>,
    fleets: &[Fleet],
    printer: &Printer,
) -> Result<Exit, CliError> {
    let judges = fleets
        .iter()
        .map(Judge::new)
        .collect::<Result<Vec<_>, _>>()?;
    let total = fleets.iter().map(|fleet| fleet.targets.len()).sum();
    let mut cohorts = Cohorts::new(printer.verbose());
    let jobs = plan(change, fleets, &judges, total, printer, &mut cohorts);
    if interrupt::asked() {
        return Ok(printer.interrupted(0, total));
    }
    for job in &jobs {
        change.args.require(&job.work.plan, &job.target.name())?;
    }
    let mut planned = cohorts.clone();
    for job in &jobs {
        planned.add(job.target.name(), job.work.cause.clone());
    }
    let planned = Answer::new(change, fleets, planned);
    if change.args.dry_run || jobs.is_empty() {
        printer.answer(&planned)?;
        return Ok(planned.exit());
    }
    if !change.agreed(&planned, jobs.len(), printer)? {
        return Ok(Exit::No);
    }
    let done = execute(&jobs, printer, &mut cohorts);
    let answer = Answer::new(change, fleets, cohorts);
    printer.answer(&answer)?;
    if done < jobs.len() {
        Ok(printer.interrupted(done, jobs.len()))
    } else {
        Ok(answer.exit())
    }
}

/// Plans every actor. Those without work go into `cohorts` at once.
fn plan<'a>(
    change: &Change<'_>,
    fleets: &'a [Fleet],
    judges: &'a [Judge],
    total: usize,
    printer: &Printer,
    cohorts: &mut Cohorts<Cause>,
) -> Vec<Job<'a>> {
    let progress = printer.progress("planning", total);
    let mut jobs = Vec::new();
    for (fleet, judge) in fleets.iter().zip(judges) {
        let mut kept: BTreeMap<String, Arc<Work>> = BTreeMap::new();
        let collect = |target: &'a Target, planned: Planned| {
            progress.step();
            match planned {
                Planned::Still(cause) => cohorts.add(target.name(), *cause),
                Planned::ToRun(work) => {
                    let kept = kept.entry(work.plan.digest.clone());
                    let work = kept.or_insert_with(|| Arc::from(work)).clone();
                    jobs.push(Job {
                        judge,
                        target,
                        work,
                    });
                }
            }
        };
        let work = |target| plan_one(change, fleet, judge, target);
        pool::each(&fleet.targets, work, collect);
    }
    jobs
}

fn plan_one(change: &Change<'_>, fleet: &Fleet, judge: &Judge, target: &Target) -> Planned {
    let named = |cause: Cause| Cause {
        fleet: fleet.name.clone(),
        ..cause
    };
    let still = |cause: Cause| Planned::Still(Box::new(named(cause)));
    let standing = match judge.look(target) {
        Ok(standing) => standing,
        Err(error) => return still(Cause::unreadable(&error)),
    };
    match (change.plan)(judge, &standing, &change.options) {
        Ok(plan) if plan.is_empty() => still(Cause::still(Outcome::NothingToDo, &standing)),
        Ok(plan) => {
            match rehearse(judge, target, &plan) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return still(Cause::refused(&standing, &error)),
                Err(error) => return still(Cause::unreadable(&error)),
            }
            let cause = named(Cause::planned(&standing, &plan));
            Planned::ToRun(Box::new(Work { plan, cause }))
        }
        Err(error) => still(Cause::refused(&standing, &error)),
    }
}

/// Runs the plans. Returns how many actors were done before Ctrl-C.
fn execute(jobs: &[Job<'_>], printer: &Printer, cohorts: &mut Cohorts<Cause>) -> usize {
    let progress = printer.progress("changing", jobs.len());
    pool::each(jobs, execute_one, |job, cause| {
        progress.step();
        cohorts.add(job.target.name(), cause);
    })
}

fn execute_one(job: &Job<'_>) -> Cause {
    let Work { plan, cause } = &*job.work;
    let ran = job.target.write(|connection| {
        let ran = job.judge.execute(connection, plan);
        ran.map_err(|error| CliError::migrate(job.target.name(), error))
    });
    match ran {
        Ok(report) => Cause {
            fleet: cause.fleet.clone(),
            ..Cause::done(&report)
        },
        Err(error) => cause.clone().failed(&error),
    }
}

impl Answer {
    fn new(change: &Change<'_>, fleets: &[Fleet], cohorts: Cohorts<Cause>) -> Self {
        let place = |cause: &Cause| fleets.iter().position(|fleet| fleet.name == cause.fleet);
        let cohorts = cohorts.finish(|cause| (place(cause), cause.outcome));
        let mut counts = BTreeMap::new();
        for cohort in &cohorts {
            *counts.entry(cohort.cause.outcome).or_default() += cohort.count;
        }
        let next = change.args.dry_run && counts.contains_key(&Outcome::Planned);
        let typed = change.typed.clone() + &change.args.typed();
        let next = next.then(|| format!("actor-migrate {typed} --yes"));
        Self {
            action: change.verb,
            actors: counts.values().sum(),
            counts,
            cohorts,
            next,
        }
    }

    fn exit(&self) -> Exit {
        let open = self
            .cohorts
            .iter()
            .any(|cohort| cohort.cause.outcome.is_open());
        if open { Exit::No } else { Exit::Yes }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cohorts.iter().try_for_each(|cohort| cohort.fmt(f))?;
        let (good, bad) = (style::GOOD, style::BAD);
        let action = self.action;
        let counts: String = self
            .counts
            .iter()
            .map(|(outcome, count)| format!(", {count} {}", outcome.word()))
            .collect();
        let actors = count(self.actors, "actor");
        let look = if self.exit() == Exit::Yes { good } else { bad };
        writeln!(f, "{look}{action}{look:#}: {actors}{counts}")?;
        self.next.iter().try_for_each(|next| style::next(f, next))
    }
}

impl fmt::Display for Cohort<Cause> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = &self.cause;
        let look = match cause.outcome {
            Outcome::Failed | Outcome::Refused => style::BAD,
            Outcome::Planned => style::WARN,
            Outcome::Done | Outcome::NothingToDo => style::GOOD,
        };
        let (word, dim) = (cause.outcome.word(), style::DIM);
        let fleet = cause
            .fleet
            .as_ref()
            .map(|fleet| format!("{fleet}: "))
            .unwrap_or_default();
        let before = cause
            .verdict_before
            .map(|before| format!("{before} -> "))
            .unwrap_or_default();
        writeln!(
            f,
            "{look}{word:<13}{look:#} {:>6}  {fleet}{before}{}",
            self.count, cause.verdict
        )?;
        if cause.outcome != Outcome::NothingToDo {
            writeln!(f, "                      {dim}{}{dim:#}", self.names())?;
        }
        if let Some(error) = &cause.error {
            writeln!(f, "                      {}", error.line())?;
            writeln!(f, "                      {}", error.next)?;
        }
        sql::write(f, &cause.sql)?;
        match (&cause.plan, cause.outcome) {
            (Some(digest), Outcome::Planned) => writeln!(f, "  digest: {digest}"),
            _ => Ok(()),
        }
    }
}

//! Every verdict has an actor that real tools left so; it is told by its name, and what it advises helps.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use actor_migrate::{
    Adoption, Bundle, Expected, InspectOptions, Plan, PlanOptions, Standing, Verdict, execute,
    inspect, plan_adopt, plan_apply, plan_reconcile,
};
use rusqlite::Connection;

/// Each verdict and a test in `verdicts.rs` that shows what it rests on.
const SHOWN_BY: [(&str, &str); 17] = [
    ("ahead", "rows_newer_than_the_folder_are_ahead_of_it"),
    ("behind", "an_actor_that_ran_the_first_migrations_is_behind"),
    ("current", "an_actor_that_ran_everything_is_current"),
    (
        "deleted",
        "a_row_between_two_known_ones_is_of_a_deleted_migration",
    ),
    ("drifted", "a_schema_changed_by_hand_has_drifted"),
    (
        "edited",
        "an_edit_that_changes_nothing_is_cosmetic_and_one_that_does_is_not",
    ),
    (
        "edited-cosmetic",
        "line_ends_that_git_changed_are_cosmetic_even_in_a_seed",
    ),
    ("foreign", "a_database_of_another_program_is_foreign"),
    ("fresh", "an_empty_database_is_fresh"),
    (
        "journal-truncated",
        "a_ledger_that_lost_its_last_rows_is_truncated",
    ),
    (
        "partial",
        "a_runner_that_died_between_two_statements_leaves_a_partial_actor",
    ),
    (
        "renamed",
        "a_migration_generated_again_is_renamed_because_the_runner_would_run_it_again",
    ),
    (
        "skipped",
        "a_migration_merged_late_is_skipped_for_ever_and_we_say_so",
    ),
    (
        "squashed",
        "an_actor_of_the_old_chain_is_squashed_and_its_schema_proves_it",
    ),
    (
        "squashed-behind",
        "an_actor_that_stopped_before_the_end_of_the_old_chain_is_not_adopted",
    ),
    (
        "unjournaled",
        "an_actor_that_lost_its_ledger_is_unjournaled",
    ),
    (
        "unreadable",
        "a_ledger_that_cannot_be_understood_is_unreadable_and_says_why",
    ),
];

fn home(verdict: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/verdicts")
        .join(verdict)
}

/// The strings of the enum, as its source has them: nothing outside can list a growing enum.
fn in_the_source() -> BTreeSet<&'static str> {
    let source = include_str!("../../src/verdict/mod.rs");
    let (_, arms) = source.split_once("pub fn as_str(self)").unwrap();
    let (arms, _) = arms.split_once("\n    }\n").unwrap();
    arms.split('"').skip(1).step_by(2).collect()
}

/// A copy of the actor of a verdict, and the folder that it is judged by.
struct Case {
    _dir: tempfile::TempDir,
    conn: Connection,
    bundle: Bundle,
    expected: Expected,
}

impl Case {
    fn of(verdict: &str) -> Self {
        let home = home(verdict);
        Self::at(&home.join("actor.sqlite"), &home.join("folder"))
    }

    fn at(actor: &Path, folder: &Path) -> Self {
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join("actor.sqlite");
        fs::copy(actor, &file).unwrap();
        let bundle = Bundle::read(folder).unwrap();
        let expected = Expected::replay(&bundle).unwrap();
        let conn = Connection::open(file).unwrap();
        Self {
            _dir: dir,
            conn,
            bundle,
            expected,
        }
    }

    fn stand(&self) -> Standing {
        let options = InspectOptions::default();
        inspect(&self.conn, &self.bundle, &self.expected, &options).unwrap()
    }

    /// How many notes there are, where there are any.
    fn notes(&self) -> Option<i64> {
        let sql = "SELECT count(*) FROM notes";
        self.conn.query_row(sql, [], |row| row.get(0)).ok()
    }
}

#[test]
fn every_verdict_has_an_actor_and_a_test() {
    let known = in_the_source();
    let fixtures = fs::read_dir(home("")).unwrap();
    let fixtures: BTreeSet<_> = fixtures
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        fixtures.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        known
    );
    assert_eq!(BTreeSet::from(SHOWN_BY.map(|(verdict, _)| verdict)), known);
    let tests = include_str!("verdicts.rs");
    for (verdict, test) in SHOWN_BY {
        assert!(
            tests.contains(&format!("#[test]\nfn {test}(")),
            "{verdict}: {test}"
        );
    }
}

#[test]
fn each_is_told_by_its_name_and_says_what_to_do() {
    let mut table = String::new();
    let mut adoptions = BTreeSet::new();
    for (verdict, _) in SHOWN_BY {
        let standing = Case::of(verdict).stand();
        assert_eq!(standing.verdict.as_str(), verdict, "{standing:?}");
        adoptions.insert(standing.adoption);
        writeln!(
            table,
            "{verdict}, {}: {}",
            standing.adoption, standing.advice
        )
        .unwrap();
    }
    // A squash that is not what the chain built waits for a person.
    let review = home("../fk-action-lost");
    let lost = Case::at(
        &review.join("actors/after-7.sqlite"),
        &review.join("squashed"),
    );
    adoptions.insert(lost.stand().adoption);
    let all = [
        Adoption::NotNeeded,
        Adoption::Safe,
        Adoption::NeedsAck,
        Adoption::Refuse,
    ];
    assert_eq!(adoptions, all.into());
    insta::assert_snapshot!(table, @"
    ahead, refuse: deploy the code that made the newer rows, or restore its migrations to the folder
    behind, not-needed: run `actor-migrate apply`, or let the actor migrate when it wakes
    current, not-needed: nothing to do
    deleted, refuse: run `actor-migrate reconcile`: it makes the schema right and keeps every row, or says what would be lost
    drifted, refuse: run `actor-migrate reconcile`: it makes the schema right and keeps every row, or says what would be lost
    edited, refuse: run `actor-migrate reconcile`: it makes the schema right and keeps every row, or says what would be lost
    edited-cosmetic, safe: run `actor-migrate adopt`: the live schema proves where the actor stands
    foreign, refuse: check that this is the right database; if several apps share it, give each its own ledger with `--table`
    fresh, not-needed: run `actor-migrate apply`, or let the actor migrate when it wakes
    journal-truncated, safe: run `actor-migrate adopt`: the live schema proves where the actor stands
    partial, refuse: run `actor-migrate reconcile`: it runs the remaining statements, where `reason` knows which they are
    renamed, safe: run `actor-migrate adopt`: the live schema proves where the actor stands
    skipped, not-needed: run `actor-migrate apply`: it runs what Drizzle 0.x never will; then give the migration a newer `when`
    squashed, safe: run `actor-migrate adopt`: the live schema proves where the actor stands
    squashed-behind, refuse: run `actor-migrate reconcile --history <old folder or git revision>`: it runs the rest of the old chain
    unjournaled, safe: run `actor-migrate adopt`: the live schema proves where the actor stands
    unreadable, refuse: look at the ledger table named in `reason`, or name the right one with `--table`
    ");
}

/// Whom our own verbs do not help alone: the deploy must act, the folder's history is missing, the rows do not
/// allow it, or a person must accept a loss.
const WAITING: [Verdict; 7] = [
    Verdict::Ahead,
    Verdict::Deleted,
    Verdict::Drifted,
    Verdict::Foreign,
    Verdict::Partial,
    Verdict::SquashedBehind,
    Verdict::Unreadable,
];

#[test]
fn whoever_follows_the_advice_is_current_and_has_every_note() {
    for (verdict, _) in SHOWN_BY {
        let mut case = Case::of(verdict);
        let (notes, before) = (case.notes(), case.stand());
        let mut standing = case.stand();
        while let Some(plan) = advised(&case, &standing) {
            match execute(&mut case.conn, &case.bundle, &case.expected, &plan) {
                Ok(report) => standing = report.standing,
                // The row that stopped the runner is still there: said, and undone.
                Err(error) => {
                    assert_eq!((verdict, error.code()), ("partial", "M152"));
                    break;
                }
            }
        }
        let reached = match WAITING.contains(&before.verdict) {
            true => before.verdict,
            false => Verdict::Current,
        };
        assert_eq!(standing.verdict, reached, "{verdict}");
        assert!(notes.is_none() || case.notes() == notes, "{verdict}");
    }
}

/// The plan of the verb that is advised, where it has one that asks nobody.
fn advised(case: &Case, standing: &Standing) -> Option<Plan> {
    let options = PlanOptions::default();
    let (bundle, expected) = (&case.bundle, &case.expected);
    let plan = match standing.adoption {
        Adoption::Safe => plan_adopt(bundle, expected, standing, &options),
        Adoption::Refuse => plan_reconcile(bundle, expected, standing, &options),
        _ => plan_apply(bundle, expected, standing, &options),
    };
    plan.ok().filter(|plan| !plan.is_empty())
}

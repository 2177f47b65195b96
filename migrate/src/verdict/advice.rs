//! What to do next, for each verdict.

use super::{Adoption, Judgement, Verdict};

/// One or two sentences that say what to do.
pub(crate) fn advice(judgement: &Judgement) -> &'static str {
    match (judgement.verdict, judgement.adoption) {
        (Verdict::Fresh, _) => "run `actor-migrate apply`, or let the actor migrate when it wakes",
        (Verdict::Current, _) => "nothing to do",
        (Verdict::Behind, _) => "run `actor-migrate apply`, or let the actor migrate when it wakes",
        (Verdict::Skipped, _) => {
            "run `actor-migrate apply`: it runs what Drizzle 0.x never will; then give the migration a newer `when`"
        }
        (Verdict::SquashedBehind, _) if judgement.descent.is_some() => {
            "run `actor-migrate reconcile`: it runs the rest of the old chain, then makes the ledger say so"
        }
        (Verdict::SquashedBehind, _) => {
            "run `actor-migrate reconcile --history <old folder or git revision>`: it runs the rest of the old chain"
        }
        (Verdict::Partial, _) => {
            "run `actor-migrate reconcile`: it runs the remaining statements, where `reason` knows which they are"
        }
        (Verdict::Ahead, _) => {
            "deploy the code that made the newer rows, or restore its migrations to the folder"
        }
        (Verdict::Foreign, _) => {
            "check that this is the right database; if several apps share it, give each its own ledger with `--table`"
        }
        (Verdict::Unreadable, _) => {
            "look at the ledger table named in `reason`, or name the right one with `--table`"
        }
        (_, Adoption::NotNeeded) => "nothing to do",
        (_, Adoption::Safe) => {
            "run `actor-migrate adopt`: the live schema proves where the actor stands"
        }
        (_, Adoption::NeedsAck) => {
            "read `needs`, then run `actor-migrate adopt` with `--allow` for each that you accept"
        }
        (_, Adoption::Refuse) => {
            "run `actor-migrate reconcile`: it makes the schema right and keeps every row, or says what would be lost"
        }
    }
}

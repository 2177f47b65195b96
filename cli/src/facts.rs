//! The facts about an actor in words, the same wherever they are shown.

use actor_migrate::{Adoption, Difference, Hazard, Need, OldChain, Verdict};

use crate::output::word;

/// How many pending migrations are named in one line.
const NAMED_MAX: usize = 4;

/// The pending migrations in order, the first few by name.
pub(crate) fn pending(tags: &[String]) -> String {
    match tags.split_at_checked(NAMED_MAX) {
        Some((named, rest)) if !rest.is_empty() => {
            format!("{} and {} more", named.join(", "), rest.len())
        }
        _ => tags.join(", "),
    }
}

/// What stock runners would do in silence.
pub(crate) fn hazards(hazards: &[Hazard]) -> impl Iterator<Item = String> {
    hazards
        .iter()
        .map(|hazard| format!("{}: {}", hazard.code, hazard.message))
}

/// How the live schema differs from the expected one.
pub(crate) fn differences(differences: &[Difference]) -> impl Iterator<Item = String> {
    differences.iter().map(|difference| {
        let known = if difference.acknowledged {
            ", accepted before"
        } else {
            ""
        };
        format!("{} {}{known}", difference.kind, difference.object)
    })
}

/// The lines of both sides that the other side does not have.
pub(crate) fn sides(difference: &Difference) -> impl Iterator<Item = String> {
    let (expected, found) = (
        lines(difference.expected.as_deref()),
        lines(difference.found.as_deref()),
    );
    let only = |mark, these: &[String], those: &[String]| {
        let lines = these.iter().filter(|line| !those.contains(line));
        lines
            .map(|line| format!("{mark} {line}"))
            .collect::<Vec<_>>()
    };
    let (missing, surplus) = (
        only("expected:", &expected, &found),
        only("found:   ", &found, &expected),
    );
    missing.into_iter().chain(surplus)
}

/// A statement line by line, without what only lays it out.
fn lines(sql: Option<&str>) -> Vec<String> {
    let sql = sql.unwrap_or("nothing");
    sql.lines()
        .map(|line| line.trim().trim_end_matches(',').to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// What a person must accept, and how.
pub(crate) fn needs(needs: &[Need]) -> impl Iterator<Item = String> {
    needs
        .iter()
        .map(|need| format!("--allow {}: {}", need.name, need.message))
}

/// The verb that brings an actor on, with what must be accepted, if one command does.
pub(crate) fn cure(
    verdict: Verdict,
    adoption: Adoption,
    needs: &[Need],
    old_chain: Option<&OldChain>,
) -> Option<String> {
    let allow = needs
        .iter()
        .map(|need| format!(" --allow {}", word(&need.name)));
    let with = |verb: &str| Some(format!("{verb}{}", allow.collect::<String>()));
    match (verdict, adoption) {
        (_, Adoption::Safe | Adoption::NeedsAck) => with("adopt"),
        (
            Verdict::Drifted | Verdict::Edited | Verdict::Deleted | Verdict::Partial,
            Adoption::Refuse,
        ) => with("reconcile"),
        (Verdict::SquashedBehind, _) => old_chain.and_then(|_| with("reconcile")),
        (Verdict::Fresh | Verdict::Behind | Verdict::Skipped, _) => Some("apply".to_owned()),
        _ => None,
    }
}

//! One page for every code: what it means, why it matters, what to do.

mod lint;
mod squash;

use std::sync::LazyLock;

/// What stands behind a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The code.
    pub code: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What it means and why it matters.
    pub text: &'static str,
    /// What to do next.
    pub next: &'static str,
}

/// The page of `code`, in either case; `None` for a code that does not exist.
#[must_use]
pub fn explain(code: &str) -> Option<&'static Explanation> {
    explanations()
        .iter()
        .find(|page| page.code.eq_ignore_ascii_case(code))
}

/// Every page.
#[must_use]
pub fn explanations() -> &'static [Explanation] {
    static ALL: LazyLock<Vec<Explanation>> =
        LazyLock::new(|| [EXPLANATIONS, lint::PAGES, squash::PAGES].concat());
    &ALL
}

pub(crate) fn next_step(code: &str) -> &'static str {
    explain(code).map_or("", |page| page.next)
}

const fn page(
    code: &'static str,
    title: &'static str,
    text: &'static str,
    next: &'static str,
) -> Explanation {
    Explanation {
        code,
        title,
        text,
        next,
    }
}

const EXPLANATIONS: &[Explanation] = &[
    page(
        "M101",
        "not a migrations folder",
        "A Drizzle 0.x folder has `meta/_journal.json`; a Drizzle 1.0 folder has one folder per migration with a \
         `migration.sql` in it. This folder has neither. Numbered files without a journal are taken only when asked \
         for, because a Drizzle folder that lost its journal looks the same.",
        "name the folder that drizzle-kit writes to (`out` in drizzle.config.ts), or run `drizzle-kit generate` first",
    ),
    page(
        "M102",
        "the journal cannot be read",
        "`meta/_journal.json` is not the JSON that drizzle-kit writes. A merge conflict left in the file is the usual \
         cause.",
        "mend the journal at the line named, or restore it from version control",
    ),
    page(
        "M103",
        "a migration file is missing",
        "The journal lists a migration whose `.sql` file is not in the folder. Drizzle would stop at it too.",
        "restore the file from version control, or remove its entry with `drizzle-kit drop` if it never ran anywhere",
    ),
    page(
        "M104",
        "an entry appears twice",
        "Two entries of the journal have the same `idx` or the same `tag`. Two branches that each generated a \
         migration were merged.",
        "delete the newer migration and generate it again on top of the other",
    ),
    page(
        "M105",
        "the folder is for another database",
        "The journal was written for another dialect than `sqlite`. Its SQL would not run here.",
        "name the folder of the SQLite schema",
    ),
    page(
        "M106",
        "a file is too large",
        "Migration files are read into memory whole, so their size is limited. A file this large is nearly always \
         data, not schema.",
        "load the data by other means, or split the migration into several",
    ),
    page(
        "M107",
        "too many migrations",
        "A folder this large costs every check and every wake.",
        "squash the folder",
    ),
    page(
        "M108",
        "an entry has an impossible value",
        "`when` must be a whole number of milliseconds that JavaScript can hold, and `tag` must be a file name \
         without a path.",
        "mend the entry in meta/_journal.json, or restore the file from version control",
    ),
    page(
        "M109",
        "a file cannot be read",
        "The system refused to open or read it.",
        "check that the path exists and may be read",
    ),
    page(
        "M110",
        "a migration holds a NUL byte",
        "SQLite stops reading SQL at a NUL byte, so the rest of the file would be ignored in silence. The file may be \
         UTF-16.",
        "save the file as UTF-8 without NUL bytes",
    ),
    page(
        "M111",
        "the folder has two layouts",
        "It holds a journal of Drizzle 0.x and migration folders of 1.0. Drizzle 1.0 refuses it and 0.x ignores half \
         of it.",
        "run `drizzle-kit up` to convert it, or remove the layout that is not in use",
    ),
    page(
        "M120",
        "a migration fails on a fresh database",
        "Every migration is run in memory to learn the schema it should lead to. This statement fails there, so it \
         would fail on every new actor. Rebuilding a table under a view fails like this: drop the view first and \
         create it again.",
        "mend the statement named; `actor-migrate lint` checks the whole folder",
    ),
    page(
        "M121",
        "a migration runs too long",
        "A statement was stopped when the time limit was reached. A recursive query without an end does this.",
        "mend the statement named, or allow more time",
    ),
    page(
        "M122",
        "a migration does what it may not",
        "A migration runs inside one transaction that also writes the ledger. It may not open or end transactions, \
         attach databases, load extensions, vacuum, or change pragmas that outlive it.",
        "take the statement out of the migration",
    ),
    page(
        "M130",
        "not an SQLite database",
        "The file does not begin as an SQLite database does, or its pages are damaged.",
        "check the path; if it is right, restore the file from a backup",
    ),
    page(
        "M131",
        "the database is locked",
        "Another connection held its lock for as long as we waited. An actor that is awake holds its own database.",
        "put the actor to sleep, or try again",
    ),
    page(
        "M132",
        "SQLite refused",
        "SQLite could not do what was asked of it; its own message says why.",
        "see SQLite's message",
    ),
    page(
        "M133",
        "not a table name",
        "The ledger table needs a name, and names that begin with `sqlite_` belong to SQLite.",
        "name the ledger table with `--table`",
    ),
    page(
        "M140",
        "the actor does not stand where this is possible",
        "Migrating needs an actor whose ledger and schema agree; adopting needs a schema that proves a position.",
        "see where it stands and what helps with `actor-migrate inspect`",
    ),
    page(
        "M141",
        "something must be accepted first",
        "The actor can be adopted, but something about it cannot be proven or differs in a way that rarely matters. \
         A person has to say that it is fine.",
        "read what is named and pass `--allow NAME` for each, or `--allow KIND` for all of a kind",
    ),
    page(
        "M150",
        "inside a transaction",
        "Foreign keys can only be switched outside a transaction, and dropping a table inside one deletes the rows \
         that point at it. So a plan runs in a transaction of its own.",
        "end the transaction first",
    ),
    page(
        "M151",
        "the plan no longer fits",
        "The actor, the folder or the options changed after the plan was made. Nothing was done.",
        "make the plan again and look at it",
    ),
    page(
        "M152",
        "a statement failed",
        "The statement failed on this actor's data although it works on an empty database. Everything was rolled \
         back.",
        "see SQLite's message, and mend the migration or the rows it met; `actor-migrate check` tries it on a copy of \
         every actor",
    ),
    page(
        "M153",
        "the schema came out wrong",
        "After all statements the actor's schema was not the one the folder leads to. Everything was rolled back.",
        "see the differences; something changed the schema beside the migrations",
    ),
    page(
        "M154",
        "rows would lose their parent",
        "After all statements more rows point at a parent that does not exist than before. Everything was rolled \
         back. Where a migration drops or rebuilds a table, foreign keys are off for the whole run, so a DELETE in \
         it does not cascade.",
        "make the migration delete or move those rows itself",
    ),
    page(
        "M155",
        "rows would be lost",
        "The number of rows changed in a table that no statement of the plan writes. A table rebuild that copies only \
         a part, or a cascade, does this. Everything was rolled back.",
        "mend the migration, or pass `--allow-rows TABLE` if the change is meant",
    ),
    page(
        "M156",
        "the database is read-only",
        "The file or the connection does not allow writing.",
        "open it for writing",
    ),
    page(
        "M157",
        "nothing to undo",
        "The last change of this actor was neither an adoption nor an upgrade, so there are no archived rows to put \
         back. Once migrations have run after an adoption it cannot be undone.",
        "see what was done in the table __actor_migrate_audit",
    ),
    page(
        "M170",
        "the old chain is not known",
        "The actor ran migrations that a baseline has replaced since, and stopped half-way. What is left of them \
         is neither archived beside the folder nor named by `--history`.",
        "name the old folder, or the last git revision that had it: `--history <revision or folder>`",
    ),
    page(
        "M171",
        "the old chain leads elsewhere",
        "Running the rest of the old chain would not give the actor the schema that the baseline makes, so the \
         migrations after it would run on another schema than they were written for.",
        "name the revision right before the squash, or make the baseline again with `actor-migrate squash`",
    ),
    page(
        "M172",
        "several old chains fit",
        "The actor has no ledger rows that tell which chain it ran, and its schema is the same on several of them. \
         What is left to run differs, so nobody can say what it lacks.",
        "name only the history that this actor ran: `--history <revision or folder>`",
    ),
    page(
        "M173",
        "a history cannot be used",
        "The old folder or archive cannot be read, or its migrations fail on an empty database.",
        "mend what the message names, or name another revision with `--history`",
    ),
    page(
        "M174",
        "off its old chain",
        "The ledger says how far the actor came on its old chain, but its schema is not the one that chain makes. \
         Running the rest of the chain could fail or lose something, so it is not tried.",
        "undo the differences by hand, then run `actor-migrate reconcile` again",
    ),
    page(
        "M175",
        "mending would lose something",
        "The schema can be made right, but not without a loss that no statement can tell again: a column or table \
         with its rows, a trigger that somebody wrote, a primary key, or rows that an unproven migration should have \
         written. Each loss has a name and is accepted by that name only.",
        "accept each with `--allow <name>`, or save what would be lost and run it again",
    ),
    page(
        "M176",
        "a repair failed",
        "SQLite refused one of the statements that make the schema right, most often because rows do not keep a \
         constraint that the migrations ask for. Everything was rolled back.",
        "change the rows that SQLite names, then run it again",
    ),
    page(
        "M177",
        "values would change",
        "After a table was made anew some of its rows were not as before: a column's new type converts their values, \
         or a conflict clause drops them. Everything was rolled back.",
        "accept the conversion with `--allow column-type:<table>.<column>`, or change the rows first",
    ),
    page(
        "M178",
        "no repair is known",
        "The definitions of this object could not be read with certainty, or it is a virtual table whose content \
         belongs to its module. No statements are made up for what is not understood.",
        "write a migration that makes the object anew, or change it by hand",
    ),
    page(
        "M188",
        "the folder is not one of Drizzle 1.0",
        "A ledger is given the shape of Drizzle 1.0, with a name in each row, for the migrator of 1.0. Its names are \
         those of the folders in which 1.0 keeps each migration, and this folder has the layout of 0.x or plain files. \
         The migrator of 0.x goes on with the ledger as it is.",
        "run `drizzle-kit up` of Drizzle 1.0 on the folder first, or leave the ledger as it is",
    ),
    page(
        "M190",
        "a wake may change nothing here",
        "Migrations are pending, and the host wakes its actors under the policy `Refuse`, which only looks. Nothing \
         was changed.",
        "run `actor-migrate apply` on the actor, or wake it under the policy `Apply` or `AdoptProven`",
    ),
    page(
        "M191",
        "the actor is ahead of this release",
        "Its ledger has rows of migrations newer than the last one in the folder: a newer release has woken it. Its \
         schema is no longer the one that this release was written for, so serving it could lose or mangle rows.",
        "send the call to the newer release, or finish the deploy; where every migration leaves the old release \
         working, set `tolerate_ahead`",
    ),
    page(
        "M192",
        "the run took too long",
        "The time limit was reached outside of any statement of a migration, as while rows were counted or the \
         schema was read. Everything was rolled back.",
        "allow more time; what takes long grows with the actor's rows",
    ),
    page(
        "M195",
        "the old chain was pruned",
        "`actor-migrate prune` removed the archive of an old chain, because none of the actors that were asked needed \
         it. This actor was not among them: a backup, or one that was away. Version control has the folder as it was \
         before the squash, and the archive if it was committed; an archive that is brought back works again.",
        "name the last git revision before the squash: `--history <revision>`, or bring the archive back from git",
    ),
    page(
        "M199",
        "a bug",
        "Something that cannot happen did. Nothing was changed.",
        "please report it with the message",
    ),
    page(
        "H201",
        "a migration that never runs",
        "Drizzle 0.x and RivetKit compare `when` with the newest row only. A migration from a branch that was merged \
         late is older than that, so it is skipped in silence, for ever.",
        "run `actor-migrate apply`, which goes by what has run, and give the migration a newer `when`",
    ),
    page(
        "H202",
        "several statements in one chunk",
        "bun:sqlite, libsql and sql.js run only the first statement between two breakpoints and journal the migration \
         as done; better-sqlite3 refuses it.",
        "put `--> statement-breakpoint` between the statements",
    ),
    page(
        "H203",
        "a chunk without a statement",
        "An empty or commented chunk makes better-sqlite3, bun:sqlite, libsql and sql.js fail.",
        "remove the breakpoint or the comment",
    ),
    page(
        "H204",
        "a rebuild that deletes other rows",
        "Dropping a table with foreign keys on deletes its rows one by one first, and ON DELETE actions run. \
         drizzle-kit writes PRAGMA foreign_keys=OFF, which does nothing inside the transaction that its migrators \
         open.",
        "migrate with `actor-migrate apply` or the wake-time library, which switch foreign keys off outside the \
         transaction",
    ),
    page(
        "H205",
        "a rebuild that drops triggers",
        "DROP TABLE drops the triggers of the table, and the rebuild does not make them again.",
        "create the triggers again at the end of the migration",
    ),
    page(
        "H206",
        "the baseline would run again",
        "A stock runner takes the baseline for a new migration, runs its CREATE TABLE on tables that exist, and fails \
         on every wake.",
        "run `actor-migrate adopt`, or `actor-migrate reconcile` if the actor had not come to the end of the old \
         chain",
    ),
    page(
        "H207",
        "the upgrade to 1.0 would stop",
        "Drizzle 1.0 upgrades the ledger once and stops if a row matches no local migration; with empty hashes it \
         marks the wrong migration as done instead.",
        "run `actor-migrate adopt` before the upgrade, or `actor-migrate adopt --upgrade` once the folder is of 1.0",
    ),
    page(
        "H208",
        "a time stored as text",
        "Drizzle sorts by this column and compares as numbers; text sorts after every number.",
        "run `actor-migrate adopt` where it is offered, or correct the row",
    ),
    page(
        "H209",
        "a migration journaled twice",
        "Two migrators ran at once, or rows were inserted by hand. It does no harm by itself.",
        "nothing to do; adoption writes one row for each migration",
    ),
    page(
        "H210",
        "going back needs the old rows",
        "The baseline's `when` is older than the newest row it replaces, so the old code would take its last \
         migrations for new once the rows are gone.",
        "run `actor-migrate adopt --undo` before going back",
    ),
    page(
        "H211",
        "an old reader on a new ledger",
        "Drizzle 1.0 stores whole seconds; 0.x compares milliseconds and runs the last migration again.",
        "convert the folder with `drizzle-kit up`, or go back to the old ledger",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every code that a source file names in quotes.
    fn codes(source: &str, sort: char) -> BTreeSet<String> {
        let quoted = source
            .split('"')
            .filter(|text| text.len() == 4 && text.starts_with(sort));
        quoted
            .filter(|text| text[1..].bytes().all(|b| b.is_ascii_digit()))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_code_has_exactly_one_page_and_every_page_a_code() {
        let mut used = codes(include_str!("error.rs"), 'M');
        used.extend(codes(include_str!("error/squash.rs"), 'M'));
        used.extend(codes(include_str!("squash/verify.rs"), 'L'));
        used.extend(codes(include_str!("squash/certify.rs"), 'L'));
        used.extend(codes(include_str!("verdict/hazard.rs"), 'H'));
        for rules in [
            include_str!("lint/allow.rs"),
            include_str!("lint/lock.rs"),
            include_str!("lint/mod.rs"),
            include_str!("lint/order.rs"),
            include_str!("lint/rebuild.rs"),
            include_str!("lint/rows.rs"),
            include_str!("lint/text.rs"),
        ] {
            used.extend(codes(rules, 'L'));
        }
        let pages: Vec<_> = explanations()
            .iter()
            .map(|page| page.code.to_owned())
            .collect();
        let unique: BTreeSet<_> = pages.iter().cloned().collect();
        assert_eq!(pages.len(), unique.len(), "a code is explained twice");
        assert_eq!(unique, used);
    }

    #[test]
    fn pages_are_found_in_either_case() {
        assert_eq!(explain("m101").map(|page| page.code), Some("M101"));
        assert_eq!(explain("X1"), None);
    }
}

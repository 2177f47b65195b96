//! The pages of the lint rules.

use super::{Explanation, page};

pub(super) const PAGES: &[Explanation] = &[
    page(
        "L101",
        "a released migration was edited",
        "`migrations.lock` has another hash for this file. Actors that ran the old text have the old schema and never \
         run the new one; new actors get the new one: two schemas under one name.",
        "restore the file from version control and write the change as a new migration; if it only concerns blanks \
         or comments, accept it: `actor-migrate hash --accept <tag>`",
    ),
    page(
        "L102",
        "a released migration is gone",
        "`migrations.lock` lists it, the folder does not have it, and no certificate says that a squash replaced it. \
         Actors that ran it have a ledger row nobody can explain, and new actors never get what it made.",
        "restore the file from version control, or replace it by `actor-migrate squash`; if it was never deployed, \
         accept it: `actor-migrate hash --accept <tag>`",
    ),
    page(
        "L103",
        "a new migration stands before released ones",
        "Two branches each wrote a migration, and the older one was merged last. New actors run it in its place, \
         actors that are up to date run it after the others or, under Drizzle 0.x, never: the same folder makes \
         two schemas.",
        "generate the migration again, so that it comes last",
    ),
    page(
        "L104",
        "there is no lock file",
        "`hash --check` compares a folder with its `migrations.lock`, and there is none. Without it an edited or \
         deleted migration is not noticed.",
        "write it once and commit it: `actor-migrate hash`",
    ),
    page(
        "M185",
        "the lock file cannot be read",
        "`migrations.lock` holds lines of `<sha256>  <path>`, as sha256sum(1) writes them. A merge conflict left in \
         the file is the usual cause: keep both sides, as every line stands for itself.",
        "mend the line named, or restore the file from version control",
    ),
    page(
        "L110",
        "a table is dropped with its rows",
        "A table that earlier migrations made is dropped, and no statement before has copied its rows elsewhere. \
         There is no way back on any actor.",
        "make sure that no release in use reads it; copy what is still needed first, or allow it with a reason",
    ),
    page(
        "L111",
        "a column is dropped with its values",
        "By ALTER TABLE … DROP COLUMN, or by a rebuild whose copy does not read it. drizzle-kit writes such a rebuild \
         when it takes a renamed column for a removed and an added one.",
        "rename the column instead if that was meant; copy its values first, or allow it with a reason",
    ),
    page(
        "L112",
        "every row is deleted",
        "A DELETE without WHERE on a table that was there before empties it on every actor.",
        "narrow it by a WHERE, or allow it with a reason",
    ),
    page(
        "L120",
        "a column cannot be added where there are rows",
        "SQLite adds a column NOT NULL without a default, with a default that is not constant, or with a reference \
         and a default, only to an empty table. It works on a new actor and in tests, and fails on every actor in use.",
        "give it a constant default, or add it without NOT NULL and fill it before a rebuild demands it",
    ),
    page(
        "L121",
        "uniqueness is demanded of rows that are there",
        "A unique index, or a UNIQUE constraint in a rebuild, fails on an actor in which two rows are equal. An empty \
         database cannot show it.",
        "rehearse it on real data with `actor-migrate check`, or delete duplicates in a statement before it",
    ),
    page(
        "L122",
        "NOT NULL is demanded of rows that are there",
        "The rebuilt table says NOT NULL where the old one did not, and the copy gives no other value: it fails on \
         an actor in which the column is NULL somewhere.",
        "copy `coalesce(column, <value>)`, or rehearse it on real data with `actor-migrate check`",
    ),
    page(
        "L123",
        "a new CHECK is demanded of rows that are there",
        "The rebuilt table has a CHECK that the old one did not have: the copy fails on an actor with a row that does \
         not pass it.",
        "mend such rows in a statement before the copy, or rehearse it on real data with `actor-migrate check`",
    ),
    page(
        "L124",
        "a new foreign key is demanded of rows that are there",
        "The rebuilt table has a foreign key that the old one did not have: with foreign keys on the migration fails \
         on an actor with a row whose parent is missing, and with them off the row stays wrong.",
        "delete or mend such rows before the copy, or rehearse it on real data with `actor-migrate check`",
    ),
    page(
        "L130",
        "a pragma that does nothing",
        "SQLite ignores PRAGMA foreign_keys inside a transaction, and every Drizzle migrator opens one around a \
         migration. Statements that rely on it run with foreign keys as they were.",
        "take it out; what must run without foreign keys is run so by `actor-migrate apply`",
    ),
    page(
        "L131",
        "dropping a table takes rows of others with it",
        "With foreign keys on, DROP TABLE first deletes every row, and ON DELETE CASCADE, SET NULL and SET DEFAULT do \
         their work on the children. The `PRAGMA foreign_keys=OFF` that drizzle-kit writes does nothing inside the \
         transaction that its migrators open, so the rebuild of a parent empties its children: drizzle-orm issues \
         #5782, #4938 and #3065.",
        "let `actor-migrate apply` or the wake run it, which switch foreign keys off outside the transaction; or \
         write the change without a rebuild",
    ),
    page(
        "L132",
        "dropping a table fails where children have rows",
        "A foreign key without a reaction refuses that the rows of its parent go. With foreign keys on (the default of \
         better-sqlite3, libsql and many others) the migration fails on every actor whose child table has rows; on an \
         empty database it works.",
        "let `actor-migrate apply` or the wake run it, which switch foreign keys off outside the transaction; or \
         write the change without a rebuild",
    ),
    page(
        "L133",
        "a foreign key leads nowhere",
        "The parent was dropped or renamed, and a child still refers to it. With foreign keys on every write to the \
         child fails: `no such table`.",
        "rebuild the child without the reference before the parent goes, or keep the parent",
    ),
    page(
        "L134",
        "a rebuild loses a trigger",
        "DROP TABLE drops the triggers of the table, and nothing in the migration makes this one again. drizzle-kit \
         does not know of triggers, so its rebuilds always lose them.",
        "add the CREATE TRIGGER to the end of the migration, or a DROP TRIGGER to its beginning if that was meant",
    ),
    page(
        "L135",
        "a rebuild loses an index",
        "DROP TABLE drops the indexes of the table, and nothing in the migration makes this one again.",
        "add the CREATE INDEX to the end of the migration, or a DROP INDEX to its beginning if that was meant",
    ),
    page(
        "L136",
        "a view or a trigger no longer works",
        "It worked before this migration. SQLite looks at the body of a view or a trigger only when it is used, so the \
         migration succeeds and every later use fails.",
        "drop the view or trigger first and make it again to fit the new tables",
    ),
    page(
        "L137",
        "a rebuild forgets the AUTOINCREMENT mark",
        "SQLite keeps the greatest id ever given in `sqlite_sequence` and deletes that row with the table. The rebuilt \
         table counts on from the greatest id that is left, so ids of deleted rows are given again, which \
         AUTOINCREMENT was to prevent.",
        "save the row of sqlite_sequence before the drop and write it back after the rename; `actor-migrate reconcile` \
         keeps it in the rebuilds that it writes",
    ),
    page(
        "L138",
        "the key is no longer the rowid",
        "Only a column declared exactly INTEGER PRIMARY KEY is the rowid. Otherwise it is an ordinary column: it is not \
         filled in on INSERT, it may be NULL, and a lookup needs a second b-tree.",
        "declare it INTEGER PRIMARY KEY, or allow it with a reason",
    ),
    page(
        "L139",
        "a name in double quotes is taken for a string",
        "Where no column has the name in double quotes, SQLite takes it for a string literal. A misspelt column is then \
         a constant and no error; and a SQLite built without this fallback refuses the statement. \
         https://sqlite.org/quirks.html#dblquote",
        "write strings in single quotes, and correct the name if a column was meant",
    ),
    page(
        "L140",
        "a statement fails on a fresh database",
        "The folder was run into an empty database, and this statement failed: no new actor can be made. The rules \
         were not applied to what comes after it.",
        "mend the statement named",
    ),
    page(
        "L141",
        "a breakpoint cuts a trigger in two",
        "Drizzle cuts files at `--> statement-breakpoint` wherever it stands. Inside the body of a trigger it leaves \
         two halves, neither of which is SQL.",
        "remove the breakpoints between CREATE TRIGGER and its END;",
    ),
    page(
        "L142",
        "a migration is older than one before it",
        "Drizzle 0.x and RivetKit run the migrations whose `when` is after the newest `created_at` of the ledger. One \
         that is not newer than all before it never runs on an actor that ran those.",
        "generate the migration again, or give its entry in meta/_journal.json a `when` after that of the one before",
    ),
    page(
        "L143",
        "a migration is from the future",
        "Its `when` lies after now, because a clock was wrong or somebody edited the journal. Whatever is generated \
         before that moment has a smaller `when`, and Drizzle 0.x never runs it on actors that ran this one.",
        "set `when` in meta/_journal.json to a moment that has passed and is after the one before, before it is released",
    ),
    page(
        "L144",
        "statements share a chunk",
        "Drizzle hands each chunk between two breakpoints to its driver. libsql, sql.js and bun:sqlite run only the \
         first statement of a chunk and the migration is journaled as done; better-sqlite3 refuses it.",
        "put `--> statement-breakpoint` between the statements",
    ),
    page(
        "L145",
        "a chunk without a statement",
        "A chunk that holds only blanks or comments, as after a last breakpoint. Most drivers fail on it.",
        "remove the breakpoint that makes it",
    ),
    page(
        "L147",
        "a comment allows what is not there",
        "`-- actor-migrate: allow L1nn <reason>` stands before a statement that has no such finding. It would hide the \
         next one that comes up there.",
        "remove the comment, or move it directly before its statement",
    ),
    page(
        "L148",
        "a comment allows something without a reason",
        "`-- actor-migrate: allow L1nn <reason>` counts only with a reason, because the next reader needs it.",
        "write the reason behind the code",
    ),
];

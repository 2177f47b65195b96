//! The pages of what can go wrong with a squash.

use super::{Explanation, page};

pub(super) const PAGES: &[Explanation] = &[
    page(
        "M160",
        "a certificate cannot be read",
        "`squashed/<baseline>.json` in the migrations folder says which migrations the baseline replaced and what \
         proves it. `actor-migrate squash` writes it, and nothing else should. A merge conflict left in the file is \
         the usual cause; a later release of the tool may also write a version that this one does not know.",
        "restore the file from version control",
    ),
    page(
        "M161",
        "an archived chain cannot be read",
        "`squashed/<baseline>.tar.gz` holds the migrations folder as it was before it was squashed. Actors that have \
         not run all of it need it. It is read in memory and within limits, and only if its hash is the one in the \
         certificate; an archive that leads out of its folder, holds links or unpacks to too much is refused.",
        "restore the file and its certificate from version control; mind that git must not change its bytes",
    ),
    page(
        "M162",
        "this folder cannot be squashed",
        "A squash replaces several migrations by one that does what they do, for every actor that ran them. That is \
         refused where it could not be proved: where one migration is all there is, where actors may have skipped one \
         because its `when` is not after that of the one before, or where a file of the folder cannot be understood.",
        "mend what is named, or name another last migration with `--to`",
    ),
    page(
        "M163",
        "there is no such migration",
        "`--to` takes the tag of a 0.x migration or the folder name of a 1.0 one, as the journal or the folder has it.",
        "run `actor-migrate status` or look into the folder, and name one that is there",
    ),
    page(
        "M164",
        "the baseline cannot have this name",
        "In a 0.x folder the baseline is `0000_<name>`. Actors and archives find their way by tags, so a tag is never \
         used twice, not even after a squash. In a 1.0 folder and in a folder of plain files the baseline keeps the \
         name of the last migration it replaces, because runners go by names there.",
        "choose another `--name`, or leave it out",
    ),
    page(
        "M165",
        "rows that are made by chance or by the clock",
        "A migration in the range writes `random()`, the time of day or the like into rows, so that every new database \
         has other ones. No baseline can carry such rows, and whether it does the same as the old chain cannot be \
         proved by looking. The statements can be carried as they stand; then only the number of rows is proved.",
        "squash up to the migration before it with `--to`, or accept it with `--allow nondeterministic`",
    ),
    page(
        "M166",
        "the baseline is not proved",
        "Every baseline is run in memory before it is written, and must make the same schema as the old chain, by itself \
         and with what comes after it. This one does not, so nothing was written.",
        "squash up to an earlier migration with `--to`, and report the folder as a bug",
    ),
    page(
        "M167",
        "rows that a baseline cannot carry",
        "The old chain writes rows into a new database that neither its own statements nor plain INSERTs write into the \
         final schema: rows of a full-text table, for example, or of a table that is nobody's migration.",
        "squash up to the migration before the rows with `--to`",
    ),
    page(
        "M168",
        "a squash was interrupted",
        "The squashed folder takes the place of the old one by two renames. The process ended between them: the old \
         folder stands beside as `.<folder>.actor-migrate-old`, the squashed one, complete, as \
         `.<folder>.actor-migrate-new`.",
        "run `actor-migrate squash` again: it finishes this first",
    ),
    page(
        "M169",
        "the squashed folder cannot be written",
        "The new folder is built beside the old one and takes its place at the end. The system refused a step, so the \
         old folder is untouched. `--certify` adds the archive and then the certificate; nothing uses the one alone. Links and pipes in the folder are refused too, because they would lead elsewhere.",
        "see that the folder above may be written to and has room, then squash again",
    ),
    page(
        "M196",
        "this baseline cannot be certified",
        "`squash --certify` writes what a squash made by hand lacks: the certificate, and the archive of the old chain. \
         It says that the first migration of the folder does what the old chain did, so both are run in memory and \
         compared first: schema, rows, AUTOINCREMENT watermarks, and what comes after. They differ, or the folder is not \
         the old one with its first migrations replaced. Nothing was written.",
        "correct the baseline, or name another `--history`; what a person may accept, the reason names",
    ),
    page(
        "L301",
        "a certificate cannot be read",
        "`squashed/<baseline>.json` says what a baseline replaced. Without it, actors that ran the old chain are not \
         recognised by proof.",
        "restore the file from version control",
    ),
    page(
        "L302",
        "an archived chain is missing or another one",
        "Actors that have not run the whole old chain need the archive to get to its end. The certificate names its \
         sha256; a file that is gone, was changed, or had its line ends changed by git is not it. One that \
         `actor-migrate prune` removed is not missed: the certificate says so.",
        "restore `squashed/<baseline>.tar.gz` from version control, and mark it `binary` in .gitattributes",
    ),
    page(
        "L303",
        "a certificate for a baseline that is not there",
        "The certificate says that a migration replaced others, and that migration is neither in the folder nor in the \
         archive of a later squash. Somebody renamed or removed it.",
        "restore the baseline from version control, or remove its certificate and archive if it never ran anywhere",
    ),
    page(
        "L304",
        "a baseline was edited",
        "The certificate proves the file as it was. An edited baseline may do something else on new actors than the old \
         chain did on old ones, and nothing tells which.",
        "restore the baseline, and put the change into a new migration",
    ),
    page(
        "L305",
        "an archived chain is not the one certified",
        "The archive was unpacked and run, and its migrations or the schemas after them are not those of the \
         certificate. The certificate was edited, or this SQLite writes schemas in another way than the one named.",
        "restore certificate and archive from version control",
    ),
    page(
        "L306",
        "a baseline does not make the old schema",
        "Old chain and baseline were run and compared. They differ by more than the certificate says, so new actors \
         have another schema than old ones.",
        "restore baseline and certificate from version control, and put the change into a new migration",
    ),
    page(
        "L307",
        "a baseline does not carry the old rows",
        "Old chain and baseline were run and compared. New actors would not get the rows that the old chain wrote.",
        "restore baseline and certificate from version control, and put the change into a new migration",
    ),
    page(
        "L308",
        "an archive without a certificate",
        "Nothing says what this archive is, so nothing uses it.",
        "restore the certificate from version control, or remove the archive",
    ),
    page(
        "L309",
        "a stock runner takes the baseline for new",
        "Drizzle 0.x runs what is newer than the newest row of the ledger, and 1.0 what it finds no name of. Actors that \
         ran all of the old chain have neither, so a stock runner runs the baseline on them once more: it fails on tables \
         that are there, or writes rows twice. `actor-migrate` knows better by the certificate.",
        "let `actor-migrate` adopt or wake these actors before any stock runner does",
    ),
    page(
        "L310",
        "a stock runner skips the baseline in silence",
        "The baseline counts as done for actors that have not run all it replaced: 0.x compares times, and its `when` is \
         not after one of the replaced migrations; 1.0 compares names, and it has the name of an earlier one. A stock \
         runner leaves such actors without the rest of the old chain and says nothing.",
        "let `actor-migrate reconcile` or a wake bring these actors on before any stock runner does",
    ),
];

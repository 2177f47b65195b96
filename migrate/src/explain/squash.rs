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
         old folder is untouched. Links and pipes in the folder are refused too, because they would lead elsewhere.",
        "see that the folder above may be written to and has room, then squash again",
    ),
];

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
        "L104",
        "there is no lock file",
        "`hash --check` compares a folder with its `migrations.lock`, and there is none. Without it an edited or \
         deleted migration is not noticed.",
        "write it once and commit it: `actor-migrate hash`",
    ),
];

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
];

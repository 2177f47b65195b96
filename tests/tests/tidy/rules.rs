//! The rules, as data.

/// The longest function, from its signature to its closing brace.
pub(crate) const FUNCTION_LINES_MAX: usize = 70;
/// The same in tests, where one claim sometimes needs a long story.
pub(crate) const TEST_FUNCTION_LINES_MAX: usize = 100;
/// The longest file, without its trailing test module.
pub(crate) const FILE_LINES_MAX: usize = 600;

/// Where `unsafe` may stand: the shim, the loadable extension, an allocator that fails on demand, and the recorded evidence against `sqlite-vfs`.
pub(crate) const UNSAFE_ROOMS: &[&str] = &[
    "vfs/src/shim/",
    "vfs/ext/",
    "vfs/tests/memory/allocator.rs",
    "vfs/why-not-sqlite-vfs/",
];

/// Which packages of this workspace a package may depend on. A package not named here may not exist.
pub(crate) const PACKAGES: &[(&str, &[&str])] = &[
    // Its tests need its own feature `testing`.
    ("actor-vfs", &["actor-vfs"]),
    ("actor-migrate", &[]),
    ("actor-migrate-cli", &["actor-vfs", "actor-migrate"]),
    ("actor-tests", &["actor-vfs", "actor-migrate"]),
];

/// A folder or file, and the paths that its production code never names.
pub(crate) struct Room {
    pub(crate) at: &'static str,
    pub(crate) never: &'static [&'static str],
}

/// Arrows point down: shim -> file -> store -> layout -> page, and store -> kv <- engines.
/// A room that decides does no I/O and reads no clock.
pub(crate) const ROOMS: &[Room] = &[
    Room {
        at: "vfs/src/file/",
        never: &["crate::shim", "crate::connect", "crate::engines"],
    },
    Room {
        at: "vfs/src/store/",
        never: &["crate::shim", "crate::connect", "crate::file"],
    },
    Room {
        at: "vfs/src/layout/",
        never: &[
            "crate::shim",
            "crate::connect",
            "crate::file",
            "crate::store",
            "crate::engines",
            "std::fs",
            "std::io",
            "std::time",
            "rusqlite",
            "libsqlite3_sys",
        ],
    },
    Room {
        at: "vfs/src/kv/",
        never: &[
            "crate::shim",
            "crate::connect",
            "crate::file",
            "crate::store",
            "crate::layout",
            "crate::engines",
        ],
    },
    Room {
        at: "vfs/src/engines/",
        never: &[
            "crate::shim",
            "crate::connect",
            "crate::file",
            "crate::store",
            "crate::layout",
        ],
    },
    Room {
        at: "migrate/src/verdict",
        never: DECIDES,
    },
    Room {
        at: "migrate/src/plan",
        never: DECIDES,
    },
    Room {
        at: "migrate/src/repair",
        never: DECIDES,
    },
    Room {
        at: "migrate/src/squash/folder",
        never: DECIDES,
    },
    Room {
        at: "migrate/src/schema/diff",
        never: DECIDES,
    },
    Room {
        at: "migrate/src/bundle",
        never: &["crate::apply", "crate::plan", "crate::verdict", "rusqlite"],
    },
    Room {
        at: "migrate/src/ledger",
        never: &["crate::apply", "crate::plan", "crate::verdict"],
    },
    Room {
        at: "migrate/src/schema",
        never: &["crate::apply", "crate::plan", "crate::verdict"],
    },
];

const DECIDES: &[&str] = &[
    "crate::apply",
    "std::env",
    "std::fs",
    "std::io",
    "std::process",
    "std::time::Instant",
    "std::time::SystemTime",
    "rusqlite::Connection",
    "rusqlite::Transaction",
];

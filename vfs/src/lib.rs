//! Pages of private SQLite databases in a key-value engine.

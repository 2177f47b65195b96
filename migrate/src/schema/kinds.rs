//! The sorts of difference there are: their stable names, and which of them a person may accept.

use std::fmt;

use serde::Serialize;

/// What sort of difference it is. The names are stable: acknowledgements use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DifferenceKind {
    /// An expected table is not there.
    TableMissing,
    /// An expected column is not there.
    ColumnMissing,
    /// An expected index is not there.
    IndexMissing,
    /// An expected view is not there.
    ViewMissing,
    /// An expected trigger is not there.
    TriggerMissing,
    /// A table that no migration made.
    TableExtra,
    /// A column that no migration made.
    ColumnExtra,
    /// An index, not unique, that no migration made.
    IndexExtra,
    /// A unique index that no migration made.
    UniqueIndexExtra,
    /// A view that no migration made.
    ViewExtra,
    /// A trigger that no migration made.
    TriggerExtra,
    /// A table is defined otherwise, and how cannot be told.
    TableChanged,
    /// An index is defined otherwise.
    IndexChanged,
    /// A view is defined otherwise.
    ViewChanged,
    /// A trigger is defined otherwise.
    TriggerChanged,
    /// STRICT or WITHOUT ROWID.
    TableOptions,
    /// A column stores values otherwise.
    ColumnType,
    /// NOT NULL, or its conflict clause.
    ColumnNotNull,
    /// The default.
    ColumnDefault,
    /// The collation.
    ColumnCollation,
    /// The expression of a generated column, or whether it is stored.
    ColumnGenerated,
    /// The primary key.
    PrimaryKey,
    /// AUTOINCREMENT is missing.
    AutoincrementMissing,
    /// A UNIQUE constraint.
    Unique,
    /// A CHECK constraint.
    Check,
    /// A foreign key.
    ForeignKey,
    /// The columns stand in another order.
    ColumnOrder,
    /// A column's name has other capitals.
    ColumnNameCase,
    /// A column's type is spelled otherwise and stores the same.
    ColumnTypeSpelling,
    /// AUTOINCREMENT is there and need not be.
    AutoincrementExtra,
    /// A UNIQUE constraint here is a unique index there.
    UniqueForm,
    /// A CHECK has another name.
    CheckName,
    /// An index has another name.
    IndexName,
    /// ON DELETE or ON UPDATE of a foreign key.
    ForeignKeyAction,
    /// The triggers of a table were created in another order.
    TriggerOrder,
}

impl DifferenceKind {
    /// The name in JSON and in acknowledgements.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TableMissing => "table-missing",
            Self::ColumnMissing => "column-missing",
            Self::IndexMissing => "index-missing",
            Self::ViewMissing => "view-missing",
            Self::TriggerMissing => "trigger-missing",
            Self::TableExtra => "table-extra",
            Self::ColumnExtra => "column-extra",
            Self::IndexExtra => "index-extra",
            Self::UniqueIndexExtra => "unique-index-extra",
            Self::ViewExtra => "view-extra",
            Self::TriggerExtra => "trigger-extra",
            Self::TableChanged => "table-changed",
            Self::IndexChanged => "index-changed",
            Self::ViewChanged => "view-changed",
            Self::TriggerChanged => "trigger-changed",
            Self::TableOptions => "table-options",
            Self::ColumnType => "column-type",
            Self::ColumnNotNull => "column-not-null",
            Self::ColumnDefault => "column-default",
            Self::ColumnCollation => "column-collation",
            Self::ColumnGenerated => "column-generated",
            Self::PrimaryKey => "primary-key",
            Self::AutoincrementMissing => "autoincrement-missing",
            Self::Unique => "unique",
            Self::Check => "check",
            Self::ForeignKey => "foreign-key",
            Self::ColumnOrder => "column-order",
            Self::ColumnNameCase => "column-name-case",
            Self::ColumnTypeSpelling => "column-type-spelling",
            Self::AutoincrementExtra => "autoincrement-extra",
            Self::UniqueForm => "unique-form",
            Self::CheckName => "check-name",
            Self::IndexName => "index-name",
            Self::ForeignKeyAction => "foreign-key-action",
            Self::TriggerOrder => "trigger-order",
        }
    }

    /// Whether a person may accept it: nothing that the application relies on is missing or altered.
    #[must_use]
    pub fn acceptable(self) -> bool {
        matches!(
            self,
            Self::TableExtra
                | Self::IndexExtra
                | Self::ViewExtra
                | Self::ColumnOrder
                | Self::ColumnNameCase
                | Self::ColumnTypeSpelling
                | Self::AutoincrementExtra
                | Self::UniqueForm
                | Self::CheckName
                | Self::IndexName
                | Self::ForeignKeyAction
                | Self::TriggerOrder
        )
    }

    /// Whether something is there that is not expected.
    #[must_use]
    pub fn is_extra(self) -> bool {
        matches!(
            self,
            Self::TableExtra
                | Self::IndexExtra
                | Self::UniqueIndexExtra
                | Self::ViewExtra
                | Self::TriggerExtra
        )
    }

    /// Whether something expected is simply not there.
    #[must_use]
    pub fn is_missing(self) -> bool {
        matches!(
            self,
            Self::TableMissing
                | Self::ColumnMissing
                | Self::IndexMissing
                | Self::ViewMissing
                | Self::TriggerMissing
        )
    }
}

impl fmt::Display for DifferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

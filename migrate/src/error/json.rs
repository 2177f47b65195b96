//! An error as JSON: the same fields for every code, and the data of its own.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::MigrateError;

impl MigrateError {
    /// The data of the variants that carry more than a place.
    fn detail(&self) -> Value {
        match self {
            Self::Refused {
                verdict, adoption, ..
            } => {
                json!({ "verdict": verdict, "adoption": adoption })
            }
            Self::NeedsAck {
                needed,
                differences,
            } => {
                json!({ "needed": needed, "differences": differences })
            }
            Self::NotCurrent { verdict, pending } => {
                json!({ "verdict": verdict, "pending": pending })
            }
            Self::TargetMissed { differences } => json!({ "differences": differences }),
            Self::ForeignKeysBroken { violations, .. } => json!({ "violations": violations }),
            Self::RowsChanged { tables } => json!({ "tables": tables }),
            Self::Squash(error) => json!(error),
            Self::History(error) => json!(error),
            Self::RepairNeeds { needed } => json!({ "needs": needed }),
            Self::RepairFailed { object, sql, .. } => json!({ "object": object, "sql": sql }),
            Self::ValuesChanged { object, rows } => json!({ "object": object, "rows": rows }),
            Self::NoRepair { object, .. } => json!({ "object": object }),
            _ => json!({}),
        }
    }
}

impl Serialize for MigrateError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = self.detail();
        object["code"] = json!(self.code());
        object["message"] = json!(self.to_string());
        object["hint"] = json!(self.hint());
        if let Some(at) = self.at() {
            object["at"] = json!(at);
        }
        if let Some(sqlite) = self.sqlite_message() {
            object["sqlite"] = json!(sqlite);
        }
        object.serialize(serializer)
    }
}

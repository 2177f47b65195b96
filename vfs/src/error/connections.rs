//! What connections may not do, and errors that several actors share.

use crate::StoreError;
use crate::actor_id::ActorId;

impl StoreError {
    /// The same of another actor, where the cause is the engine's and not the actor's.
    pub(crate) fn retold(&self, of: &ActorId) -> Self {
        let mut error = self.clone();
        if let Self::OutcomeUnknown { actor, .. }
        | Self::EngineFull { actor, .. }
        | Self::TooLarge { actor, .. } = &mut error
        {
            *actor = of.clone();
        }
        error
    }

    /// What to do next about what a connection may not do.
    pub(super) fn hint_of_connections(&self) -> &'static str {
        match self {
            Self::WalImage { .. } => {
                "set journal_mode=DELETE in the database that is copied from, then copy again"
            }
            Self::MultiFile { .. } => {
                "write to actors in one transaction and to files in another; nothing was written"
            }
            Self::TwoStores { .. } => {
                "commit to the actors of one store at a time; nothing was written to any"
            }
            Self::Together { .. } => {
                "see the cause; nothing was written to any actor, and this one can go on"
            }
            Self::NotAnActors { .. } => {
                "attach it to a connection from `Actor::connect`, or open it by itself"
            }
            Self::NotMounted { .. } => "open actors by `Actor::connect`; ATTACH reaches none",
            _ => "please report this with the text above; open the actor again to go on",
        }
    }
}

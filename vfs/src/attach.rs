//! Several actors in one connection.

use rusqlite::Connection;

use crate::StoreError;
use crate::connect::told;
use crate::file::File;
use crate::last_error::LastError;
use crate::store::{Actor, ActorSnapshot};
use crate::{ActorId, shim};

impl Actor {
    /// Attaches this actor, under the name `schema`, to a connection that was opened on another
    /// one. `DETACH` lets go of it.
    ///
    /// A transaction that writes to several actors of one store commits to all of them or to
    /// none, in every journal mode; it is refused if they are in different stores. One that is
    /// refused leaves the connection usable, unless another owner took one of the actors: then
    /// that one is good for nothing more, and the others go on once it is detached.
    ///
    /// The connection locks the actor as it locks its own ([`Locking`](crate::Locking)).
    ///
    /// ```
    /// # use actor_vfs::{ActorId, Store, engines::MemoryEngine};
    /// # let store = Store::with_engine(std::sync::Arc::new(MemoryEngine::new()))?;
    /// let alice = store.create(&ActorId::new("alice")?)?;
    /// let bob = store.create(&ActorId::new("bob")?)?;
    /// let connection = alice.connect()?;
    /// bob.attach(&connection, "bob")?;
    /// connection.execute_batch(
    ///     "CREATE TABLE main.account(cents); INSERT INTO main.account VALUES (500);
    ///      CREATE TABLE bob.account(cents); INSERT INTO bob.account VALUES (0);
    ///      BEGIN;
    ///      UPDATE main.account SET cents = cents - 100;
    ///      UPDATE bob.account SET cents = cents + 100;
    ///      COMMIT;",
    /// )?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attach(&self, connection: &Connection, schema: &str) -> Result<(), StoreError> {
        let file = Box::new(self.main_file(Box::new(self.image()?)));
        attach(self.id(), file, connection, schema)?;
        // As `connect` pins it. What keeps several actors together needs no journal of its own.
        let pinned = connection.pragma_update(Some(schema), "journal_mode", "MEMORY");
        pinned.map_err(|source| {
            // What it was is all the same by now.
            let _ = connection.execute("DETACH ?", [schema]);
            told(self.id(), source)
        })
    }
}

impl ActorSnapshot {
    /// Attaches this snapshot, to be read, under the name `schema`, to a connection that was
    /// opened on an actor.
    pub fn attach(&self, connection: &Connection, schema: &str) -> Result<(), StoreError> {
        let file = Box::new(self.main_file(Box::new(self.image())));
        attach(self.id(), file, connection, schema)
    }
}

pub(crate) fn attach(
    actor: &ActorId,
    file: Box<dyn File>,
    connection: &Connection,
    schema: &str,
) -> Result<(), StoreError> {
    if !shim::is_on_actor(connection) {
        let actor = actor.clone();
        return Err(StoreError::NotAnActors { actor });
    }
    LastError::forget_of_thread();
    let attached = shim::attach(actor.as_str(), file, connection, schema);
    attached.map_err(|source| told(actor, source))
}

//! The host: an actor is a task with a mailbox and a database of its own, which is migrated when it wakes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use actor_migrate::{Migrator, WakeError};
use actor_vfs::{ActorId, Store};
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

/// How many calls wait for one actor before its callers do.
const MAILBOX_CALLS_MAX: usize = 64;

/// What a caller may ask of an actor.
#[derive(Debug)]
pub(crate) enum Request {
    /// Note a task; the answer is how many there are.
    Add(&'static str),
    /// Say the titles of all tasks.
    List,
}

/// What goes back over the wire: an answer, or an error that says what is so and what to do.
pub(crate) type Answer = Result<Value, Value>;

struct Call {
    request: Request,
    reply: oneshot::Sender<Answer>,
}

/// A host of actors. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Host {
    store: Store,
    migrator: Arc<Migrator>,
    mailboxes: Arc<Mutex<HashMap<ActorId, mpsc::Sender<Call>>>>,
}

impl Host {
    pub(crate) fn new(store: Store, migrator: Migrator) -> Self {
        Self {
            store,
            migrator: Arc::new(migrator),
            mailboxes: Arc::default(),
        }
    }

    /// Calls an actor, which is woken if it sleeps and made if it never was.
    pub(crate) async fn call(&self, id: &ActorId, request: Request) -> Answer {
        let (reply, answer) = oneshot::channel();
        let gone = |_| json!({ "message": "the actor went to sleep meanwhile", "retryable": true });
        let call = Call { request, reply };
        let sent = self.mailbox(id).send(call).await;
        sent.map_err(|_| gone(()))?;
        answer.await.map_err(|_| gone(()))?
    }

    /// Puts an actor to sleep once it has done what it was asked: the next call wakes it anew.
    pub(crate) fn sleep(&self, id: &ActorId) {
        let mut mailboxes = self
            .mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        mailboxes.remove(id);
    }

    fn mailbox(&self, id: &ActorId) -> mpsc::Sender<Call> {
        let mut mailboxes = self
            .mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // That of an actor that panicked is closed.
        if let Some(mailbox) = mailboxes.get(id).filter(|it| !it.is_closed()) {
            return mailbox.clone();
        }
        let (mailbox, calls) = mpsc::channel(MAILBOX_CALLS_MAX);
        tokio::spawn(run(self.clone(), id.clone(), calls));
        mailboxes.insert(id.clone(), mailbox.clone());
        mailbox
    }
}

/// The life of one actor, from its first message until nobody can send it another.
async fn run(host: Host, id: ActorId, mut calls: mpsc::Receiver<Call>) {
    let mut state = State::Asleep;
    while let Some(Call { request, reply }) = calls.recv().await {
        let (host, id) = (host.clone(), id.clone());
        // SQLite blocks, so it works on a thread that may block.
        let work = spawn_blocking(move || state.answer(&host, &id, request));
        let Ok((next, answer)) = work.await else {
            return; // It panicked: its callers hear that it is gone, and the next call starts it anew.
        };
        state = next;
        // A caller that no longer waits needs no answer.
        let _ = reply.send(answer);
    }
}

enum State {
    Asleep,
    Awake(Connection),
    /// It cannot be served. All that call it hear why, and its database is left alone.
    Poisoned(WakeError),
}

impl State {
    fn answer(self, host: &Host, id: &ActorId, request: Request) -> (Self, Answer) {
        let mut conn = match self {
            Self::Awake(conn) => conn,
            Self::Poisoned(error) => {
                let told = json!(error);
                return (Self::Poisoned(error), Err(told));
            }
            Self::Asleep => match wake(host, id) {
                Ok(conn) => conn,
                Err(Trouble::Wake(error)) => {
                    let told = json!(error);
                    let passing = error.is_retryable();
                    let next = if passing {
                        Self::Asleep
                    } else {
                        Self::Poisoned(error)
                    };
                    return (next, Err(told));
                }
                Err(Trouble::Store(told)) => return (Self::Asleep, Err(told)),
            },
        };
        let answer = serve(&mut conn, request);
        let answer = answer.map_err(|error| json!({ "message": error.to_string() }));
        (Self::Awake(conn), answer)
    }
}

enum Trouble {
    Store(Value),
    Wake(WakeError),
}

/// Takes the actor from the store and migrates it: the only two things between a call and its answer.
fn wake(host: &Host, id: &ActorId) -> Result<Connection, Trouble> {
    let opened = host
        .store
        .open_or_create(id)
        .and_then(|actor| actor.connect());
    let mut conn = opened.map_err(|error| {
        Trouble::Store(json!({ "code": error.code(), "message": error.to_string() }))
    })?;
    host.migrator.wake(&mut conn).map_err(Trouble::Wake)?;
    Ok(conn)
}

/// What this actor is for.
fn serve(conn: &mut Connection, request: Request) -> rusqlite::Result<Value> {
    match request {
        Request::Add(title) => {
            conn.execute("INSERT INTO tasks (title) VALUES (?1)", [title])?;
            let count: i64 = conn.query_row("SELECT count(*) FROM tasks", [], |row| row.get(0))?;
            Ok(json!({ "tasks": count }))
        }
        Request::List => {
            let mut titles = conn.prepare("SELECT title FROM tasks ORDER BY id")?;
            let titles = titles.query_map([], |row| row.get(0))?;
            let titles: Vec<String> = titles.collect::<Result<_, _>>()?;
            Ok(json!(titles))
        }
    }
}

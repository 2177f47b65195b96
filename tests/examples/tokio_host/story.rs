//! The incident, seen from the callers' side: a squash that old actors do not know, and one actor whose rows do not fit.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use actor_migrate::{Bundle, MigrateError, Migrator, Policy};
use actor_vfs::engines::MemoryEngine;
use actor_vfs::{ActorId, Store};

use crate::host::{Answer, Host, Request};

/// Lets it happen, and returns what the callers saw.
pub(crate) fn tell() -> Told<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    runtime.block_on(happen())
}

async fn happen() -> Told<String> {
    // A real host keeps them on disk: `Store::open_or_create_at(path)`.
    let store = Store::with_engine(Arc::new(MemoryEngine::new()))?;
    let mut story = Story {
        told: String::new(),
        host: Host::new(store.clone(), migrator("first-release")?),
        store,
    };
    story.first_release().await?;
    story.cautious_host().await?;
    story.default_host().await?;
    story.operator().await?;
    Ok(story.told)
}

type Told<T> = Result<T, Box<dyn Error>>;

struct Story {
    told: String,
    store: Store,
    host: Host,
}

impl Story {
    async fn first_release(&mut self) -> Told<()> {
        self.say("The first release serves two actors.")?;
        self.add("amy", "milk").await?;
        self.add("bob", "milk").await?;
        self.add("bob", "milk").await
    }

    async fn cautious_host(&mut self) -> Told<()> {
        self.say(
            "\nThe second one squashed the migrations. A host that only applies tells its caller:",
        )?;
        let migrator = migrator("second-release")?.policy(Policy::Apply);
        self.host = Host::new(self.store.clone(), migrator);
        self.add("amy", "eggs").await
    }

    async fn default_host(&mut self) -> Told<()> {
        self.say("\nUnder the default policy amy is adopted, migrated and served.")?;
        self.host = Host::new(self.store.clone(), migrator("second-release")?);
        self.add("amy", "eggs").await?;
        self.say(
            "\nbob has a task twice, which the next migration forbids. His caller is told where:",
        )?;
        self.add("bob", "eggs").await?;
        let again = self.host.call(&ActorId::new("bob")?, Request::List).await;
        let code = again.err().map(|error| error["code"].to_string());
        self.say(&format!(
            "Who calls him again hears the same: {}.",
            code.unwrap_or_default()
        ))?;
        let list = self.host.call(&ActorId::new("amy")?, Request::List).await;
        self.say(&format!("amy does not notice: {}", shown(&list)?))
    }

    async fn operator(&mut self) -> Told<()> {
        self.say("\nAn operator mends bob's rows and lets him sleep. The next call wakes him.")?;
        let bob = ActorId::new("bob")?;
        let mend = "DELETE FROM tasks WHERE id NOT IN (SELECT min(id) FROM tasks GROUP BY title)";
        self.store.open(&bob)?.connect()?.execute_batch(mend)?;
        self.host.sleep(&bob);
        self.add("bob", "eggs").await
    }

    async fn add(&mut self, actor: &str, task: &'static str) -> Told<()> {
        let answer = self
            .host
            .call(&ActorId::new(actor)?, Request::Add(task))
            .await;
        self.say(&format!("{actor}.add({task:?}) -> {}", shown(&answer)?))
    }

    fn say(&mut self, line: &str) -> Told<()> {
        Ok(writeln!(self.told, "{line}")?)
    }
}

/// The migrations of a release, named as a caller should see them: by their place in the project.
fn migrator(release: &str) -> Result<Migrator, MigrateError> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/tokio_host");
    let mut bundle = Bundle::read(here.join(release))?;
    for migration in &mut bundle.entries {
        migration.file = format!("{release}/{}.sql", migration.tag);
    }
    Migrator::new(bundle)
}

fn shown(answer: &Answer) -> serde_json::Result<String> {
    match answer {
        Ok(answer) => serde_json::to_string(answer),
        Err(error) => serde_json::to_string_pretty(error),
    }
}

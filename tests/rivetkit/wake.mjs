// Wakes one actor under the real RivetKit 2.2 with its file-system driver, runs a statement in it, and prints one JSON
// object: { ok, rows } or { ok, message } as its caller gets it.
//
//   bun wake.mjs STORAGE FOLDER PORT SQL
//
// bun has a SQLite of its own, so nothing has to be compiled for the driver.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { actor, setup } from "rivetkit";
import { createClient } from "rivetkit/client";
import { db } from "rivetkit/db/drizzle";

const [storagePath, folder, port, sql] = process.argv.slice(2);

/** `{ journal, migrations: { m0000: "CREATE …" } }`, what `migrations.js` would export. */
function embedded(folder) {
  const journal = JSON.parse(readFileSync(join(folder, "meta/_journal.json"), "utf8"));
  const named = ({ idx, tag }) => [`m${String(idx).padStart(4, "0")}`, readFileSync(join(folder, `${tag}.sql`), "utf8")];
  return { journal, migrations: Object.fromEntries(journal.entries.map(named)) };
}

async function call() {
  const client = createClient(`http://127.0.0.1:${port}`);
  try {
    return { ok: true, rows: await client.notes.getOrCreate(["notes"]).run(sql) };
  } catch (error) {
    return { ok: false, message: String(error.message) };
  }
}

const actions = { run: (context, text) => context.db.execute(text) };
const notes = actor({ db: db({ schema: {}, migrations: embedded(folder) }), actions });
setup({ use: { notes }, storagePath, noWelcome: true, managerPort: Number(port), logging: { level: "silent" } }).start();
console.log(JSON.stringify(await call()));
// RivetKit's manager listens for ever.
process.exit(0);

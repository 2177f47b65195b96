// Runs the real Drizzle migrator of one driver over a folder, and prints what came of it as one JSON object:
// { ok, applied: [tag], error: null | { name, message, cause } }. Exit 0 when it could say, whatever it says.
//
//   node run-migrator.mjs --driver libsql|libsql1|sqljs --folder DIR --db FILE [--foreign-keys]
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const drivers = { libsql: openLibsql, libsql1: openLibsql1, sqljs: openSqlJs };

async function openLibsql(file) {
  const { createClient } = await import("@libsql/client");
  const { drizzle } = await import("drizzle-orm/libsql");
  const { migrate } = await import("drizzle-orm/libsql/migrator");
  const client = createClient({ url: `file:${file}` });
  const db = drizzle(client);
  return { db, migrate, run: (sql) => client.execute(sql), close: () => client.close() };
}

/** Drizzle 1.0, whose ledger knows migrations by their names. */
async function openLibsql1(file) {
  const { createClient } = await import("@libsql/client");
  const { drizzle } = await import("drizzle-orm-1/libsql");
  const { migrate } = await import("drizzle-orm-1/libsql/migrator");
  const client = createClient({ url: `file:${file}` });
  return { db: drizzle({ client }), migrate, run: (sql) => client.execute(sql), close: () => client.close(), named: true };
}

/** sql.js works on a copy in memory; `close` writes it back, as its users do. */
async function openSqlJs(file) {
  const { default: initSqlJs } = await import("sql.js");
  const { drizzle } = await import("drizzle-orm/sql-js");
  const { migrate } = await import("drizzle-orm/sql-js/migrator");
  const { Database } = await initSqlJs();
  const database = new Database(existsSync(file) ? readFileSync(file) : undefined);
  const db = drizzle(database);
  return { db, migrate, run: (sql) => database.run(sql), close: () => writeFileSync(file, database.export()) };
}

async function main() {
  const { values } = parseArgs({
    options: {
      driver: { type: "string" },
      folder: { type: "string" },
      db: { type: "string" },
      "foreign-keys": { type: "boolean", default: false },
    },
  });
  const open = drivers[values.driver];
  if (!open || !values.folder || !values.db) throw new Error(`use: --driver ${Object.keys(drivers).join("|")} --folder DIR --db FILE`);
  const { db, migrate, run, close, named = false } = await open(values.db);
  if (values["foreign-keys"]) await run("PRAGMA foreign_keys = ON");
  const before = await journal(db, named);
  const error = await attempt(() => migrate(db, { migrationsFolder: values.folder }));
  const added = (await journal(db, named)).slice(before.length);
  await close();
  const tag = (row) => (named ? row : tagAt(values.folder, row));
  return { ok: error === null, applied: added.map(tag), error };
}

/** `created_at` or `name` of every row of the journal in the order in which they were written. */
async function journal(db, named) {
  const tables = await db.values("SELECT name FROM sqlite_schema WHERE name = '__drizzle_migrations'");
  if (tables.length === 0) return [];
  const rows = await db.values(`SELECT ${named ? "name" : "created_at"} FROM __drizzle_migrations ORDER BY rowid`);
  return rows.map((row) => row[0]);
}

function tagAt(folder, when) {
  const journal = JSON.parse(readFileSync(join(folder, "meta/_journal.json"), "utf8"));
  return journal.entries.find((entry) => entry.when === when)?.tag ?? `unknown entry at ${when}`;
}

async function attempt(work) {
  try {
    await work();
    return null;
  } catch (error) {
    return { name: error.constructor.name, message: String(error.message), cause: error.cause ? String(error.cause.message) : null };
  }
}

console.log(JSON.stringify(await main()));

// Runs the real Drizzle migrator of one driver over a folder, and prints what came of it as one JSON object:
// { ok, applied: [tag], error: null | { name, message, cause } }. Exit 0 when it could say, whatever it says.
//
//   node run-migrator.mjs --driver libsql|libsql-1|sqljs|sqljs-1|expo --folder DIR --db FILE [--table NAME] [--foreign-keys]
//   bun run-migrator.mjs --driver bun|bun-1 …
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const drivers = {
  libsql: (file) => openLibsql(file, "drizzle-orm"),
  "libsql-1": (file) => openLibsql(file, "drizzle-orm-1"),
  sqljs: (file) => openSqlJs(file, "drizzle-orm"),
  "sqljs-1": (file) => openSqlJs(file, "drizzle-orm-1"),
  expo: openExpo,
  bun: (file) => openBun(file, "drizzle-orm"),
  "bun-1": (file) => openBun(file, "drizzle-orm-1"),
};

async function openBun(file, line) {
  const { Database } = await import("bun:sqlite");
  const { drizzle } = await import(`${line}/bun-sqlite`);
  const { migrate } = await import(`${line}/bun-sqlite/migrator`);
  const database = new Database(file, { create: true });
  const db = drizzle({ client: database });
  return { migrate: (config) => migrate(db, config), all: (sql) => database.query(sql).values(), close: () => database.close() };
}

async function openLibsql(file, line) {
  const { createClient } = await import("@libsql/client");
  const { drizzle } = await import(`${line}/libsql`);
  const { migrate } = await import(`${line}/libsql/migrator`);
  const client = createClient({ url: `file:${file}` });
  const db = drizzle({ client });
  const all = async (sql) => (await client.execute(sql)).rows.map((row) => Array.from(row));
  return { migrate: (config) => migrate(db, config), all, close: () => client.close() };
}

/** sql.js works on a copy in memory; `close` writes it back, as its users do. */
async function openSqlJs(file, line) {
  const database = await memory(file);
  const { drizzle } = await import(`${line}/sql-js`);
  const { migrate } = await import(`${line}/sql-js/migrator`);
  const db = drizzle(database);
  return { migrate: (config) => migrate(db, config), ...shared(database, file) };
}

/** Expo's driver takes what a bundler makes of the folder. Its SQLite runs on a phone: sql.js stands in for it. */
async function openExpo(file) {
  const database = await memory(file);
  const { drizzle } = await import("drizzle-orm/expo-sqlite/driver");
  const { migrate } = await import("drizzle-orm/expo-sqlite/migrator");
  const client = { prepareSync: (sql) => ({ executeSync: (values) => result(sql, values, "getAsObject"), executeForRawResultSync: (values) => result(sql, values, "get") }) };
  function result(sql, values, method) {
    const statement = database.prepare(sql, values);
    const rows = [];
    while (statement.step()) rows.push(statement[method]());
    statement.free();
    return { changes: database.getRowsModified(), getAllSync: () => rows, getFirstSync: () => rows[0] ?? null };
  }
  return { migrate: ({ migrationsFolder }) => migrate(drizzle(client), embedded(migrationsFolder)), ...shared(database, file) };
}

async function memory(file) {
  const { default: initSqlJs } = await import("sql.js");
  const { Database } = await initSqlJs();
  return new Database(existsSync(file) ? readFileSync(file) : undefined);
}

function shared(database, file) {
  const all = (sql) => database.exec(sql)[0]?.values ?? [];
  return { all, close: () => writeFileSync(file, database.export()) };
}

/** `{ journal, migrations: { m0000: "CREATE …" } }`, what `migrations.js` would export. */
function embedded(folder) {
  const journal = JSON.parse(readFileSync(join(folder, "meta/_journal.json"), "utf8"));
  const named = ({ idx, tag }) => [`m${String(idx).padStart(4, "0")}`, readFileSync(join(folder, `${tag}.sql`), "utf8")];
  return { journal, migrations: Object.fromEntries(journal.entries.map(named)) };
}

async function main() {
  const { values } = parseArgs({
    options: {
      driver: { type: "string" },
      folder: { type: "string" },
      db: { type: "string" },
      table: { type: "string", default: "__drizzle_migrations" },
      "foreign-keys": { type: "boolean", default: false },
    },
  });
  const open = drivers[values.driver];
  if (!open || !values.folder || !values.db) throw new Error(`use: --driver ${Object.keys(drivers).join("|")} --folder DIR --db FILE`);
  const { migrate, all, close } = await open(values.db);
  if (values["foreign-keys"]) await all("PRAGMA foreign_keys = ON");
  const before = await journal(all, values.table);
  const error = await attempt(() => migrate({ migrationsFolder: values.folder, migrationsTable: values.table }));
  const added = (await journal(all, values.table)).slice(before.length);
  await close();
  return { ok: error === null, applied: added.map((row) => row.name ?? tagAt(values.folder, row.when)), error };
}

/** Every row of the journal in the order in which they were written. */
async function journal(all, table) {
  const columns = (await all(`SELECT name FROM pragma_table_info('${table}')`)).map((row) => row[0]);
  if (columns.length === 0) return [];
  const name = columns.includes("name") ? "name" : "NULL";
  const rows = await all(`SELECT created_at, ${name} FROM "${table}" ORDER BY rowid`);
  return rows.map(([when, name]) => ({ when, name }));
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

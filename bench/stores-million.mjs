// A million registrations in a store on a server of its own: memory, disk, start-up; then 1 % of them are pruned, batch by batch in turn by
// the store and by the bare driver with the same statement, and the client's CPU time is compared.
//
//   node bench/stores-million.mjs [postgres] [redis] [--registrations 1000000]
import { parseArgs } from "node:util";
import { inFlight } from "./lib/in-flight.mjs";
import { bytesBelow, mib, residentMib } from "./lib/size.mjs";
import { median } from "./lib/statistics.mjs";
import { openPostgres, openRedis } from "./lib/stores.mjs";
import { startPostgres, startRedis } from "./servers/databases.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { registrations: { type: "string", default: "1000000" } },
});
const count = Number(values.registrations);
const BATCH = 500;
const token = (n) => `${n}:APA91b${"x".repeat(140)}`;

const STORES = {
  postgres: {
    start: startPostgres,
    open: (url) => openPostgres(url, "cloud_messaging"),
    // as `register` would have stored them, last seen in the order of their numbers
    async fill({ query }) {
      const s = "cloud_messaging";
      await query(`INSERT INTO ${s}.token (key, token, revision)
        SELECT ${s}.key_of(t), t, n FROM generate_series(1, ${count}) AS n, LATERAL (SELECT n || '${token("")}' AS t) AS each`);
      await query(`INSERT INTO ${s}.registration
        SELECT n, n, 'user-' || n, ${s}.key_of(n || '${token("")}'), false, n, n, 'android' FROM generate_series(1, ${count}) AS n`);
      await query(`SELECT setval('${s}.number', ${count})`);
      await query("VACUUM ANALYZE");
      await query("CHECKPOINT");
    },
    pruneValues: ([now, , limit, keep], before) => [now, before, limit, keep],
  },
  redis: {
    start: startRedis,
    open: (url) => openRedis(url, "push"),
    async fill({ driver }) {
      await driver.config("SET", "appendfsync", "no");
      let n = 0;
      // the store's own script, with a time of its own for each
      const register = await this.opened.bare(
        (store) => store.register("u", "t", { platform: "android" }),
        ([, kept, , , ...rest], each) => [String(each), kept, `user-${each}`, token(each), ...rest],
      );
      await this.opened.store.unregister("u", "t");
      await inFlight(count, 256, async () => {
        await register(++n);
        return 1;
      });
      await driver.config("SET", "appendfsync", "always");
    },
    pruneValues: ([now, kept, , limit], before) => [now, kept, String(before), limit],
  },
};

const table = [
  [
    "store",
    "registrations",
    "disk MiB",
    "memory MiB",
    "start-up ms",
    "prune of 1 %: CPU µs each, driver / store",
    "ratio",
  ],
];
for (const name of positionals.length > 0 ? positionals : Object.keys(STORES)) {
  const definition = STORES[name];
  const server = await definition.start();
  try {
    let opened = await definition.open(server.url);
    definition.opened = opened;
    const startedAt = performance.now();
    await definition.fill(opened);
    console.error(`${name}: filled in ${Math.round((performance.now() - startedAt) / 1000)} s`);
    const disk = mib(bytesBelow(server.folder));
    await opened.close();
    await server.stop();
    const stoppedAt = performance.now();
    await server.start();
    opened = await definition.open(server.url);
    const { states } = await opened.store.resolve([token(count)]);
    const startUp = Math.round(performance.now() - stoppedAt);
    if (states[0].revision === null) throw new Error("a registration is lost");
    for (let n = 1; n < 200; n++)
      await opened.store.resolve(Array.from({ length: 1000 }, (_, i) => token(1 + ((n * 5003 + i * 997) % count))));
    const memory = residentMib(server.pid);

    const floor = await opened.bare((store) => store.removeUnseen({ before: 1, limit: BATCH }), definition.pruneValues);
    const cpu = { floor: [], ours: [] };
    let before = 1;
    for (let batch = 0; batch < count / 100 / BATCH; batch++) {
      const which = batch % 2 === 0 ? "floor" : "ours";
      before += BATCH;
      const start = process.cpuUsage();
      const removed =
        which === "floor" ? await floor(before) : (await opened.store.removeUnseen({ before, limit: BATCH })).removed;
      const { user, system } = process.cpuUsage(start);
      if (removed.length !== BATCH) throw new Error(`${removed.length} of ${BATCH} were removed`);
      cpu[which].push((user + system) / BATCH);
    }
    const [f, o] = [median(cpu.floor), median(cpu.ours)];
    table.push([name, count, disk, memory, startUp, `${f.toFixed(1)} / ${o.toFixed(1)}`, (o / f).toFixed(2)]);
    await opened.close();
  } finally {
    await server[Symbol.asyncDispose]();
  }
}
for (const row of table) console.log(`| ${row.join(" | ")} |`);

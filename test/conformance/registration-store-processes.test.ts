import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createMemoryRegistrationStore, type RegistrationStore, type RegistrationToken } from "@cloud-messaging/core";
import type { RegistrationVerdict } from "@cloud-messaging/core/transport";
import { afterEach, describe, expect, it } from "vitest";
import { type KillableProcess, startKillable, whileRunning } from "../../scripts/killable-process.mjs";
import { openStore } from "../../scripts/registration-stores.mjs";
import { soakRegistrations } from "../../scripts/soak-registrations.mjs";
import { type PostgresServer, runsPostgres, startPostgres } from "../support/postgres.ts";
import { type RedisServer, runsRedis, startRedis } from "../support/redis.ts";

/** Stores that several processes share: each by its name in `registration-stores.mjs`, and how a test gets an empty one. */
const STORES: Readonly<Record<string, () => string | Promise<string>>> = {
  lmdb: () => {
    const folder = mkdtempSync(join(tmpdir(), "registrations-"));
    cleanUp.push(() => rmSync(folder, { recursive: true, force: true }));
    return join(folder, "db");
  },
  ...(runsPostgres && { postgres: () => addressOf(startPostgres()) }),
  ...(runsRedis && { redis: () => addressOf(startRedis()) }),
};
const cleanUp: (() => unknown)[] = [];
async function addressOf(starting: Promise<PostgresServer | RedisServer>): Promise<string> {
  const server = await starting;
  cleanUp.push(() => server[Symbol.asyncDispose]());
  return server.url;
}
afterEach(async () => {
  for (const each of cleanUp.splice(0).reverse()) await each();
});

const COUNT = 240;
const tokens = Array.from({ length: COUNT }, (_, n) => `token-${n}` as RegistrationToken);
const users = tokens.map((_, n) => `user-${n % 60}`);

/** The same report, as each of the senders has it: a quarter superseded, a quarter dead, a quarter doubtful, a quarter accepted. */
const REPORT = `(token, n, revision) => [
  { type: "replaced", token, revision, canonicalRegistrationId: token + "-canonical" },
  { type: "removed", token, revision, reason: "not-registered" },
  { type: "suspect", token, revision, reason: "mismatch-sender-id", sender: "project" },
  { type: "accepted", token, revision },
][n % 4]`;
const verdictOn = new Function(`return ${REPORT}`)() as (
  token: string,
  n: number,
  revision: unknown,
) => RegistrationVerdict;

/** Two senders: each asks for the state of every token, says so, and reports when it is told to. */
const SENDERS = `
  import { openStore } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "../../scripts/registration-stores.mjs")).href)};
  const [, name, location, given] = process.argv;
  const tokens = JSON.parse(given);
  const verdictOn = ${REPORT};
  const store = await openStore(name, location);
  const reports = await Promise.all([1, 2].map(async () => {
    const { states } = await store.resolve(tokens);
    return tokens.map((token, n) => verdictOn(token, n, states[n].revision));
  }));
  console.log("asked");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  await Promise.all(reports.map(async (report) => {
    for (let from = 0; from < report.length; from += 7) await store.apply(report.slice(from, from + 7));
  }));
  await store.close();
  process.exit(0);
`;

function startSenders(name: string, location: string): KillableProcess {
  const args = ["--input-type=module", "-e", SENDERS, name, location, JSON.stringify(tokens)];
  const senders = startKillable(args, { stdin: "pipe" });
  cleanUp.push(() => senders.kill().catch(() => undefined));
  return senders;
}

async function register(store: RegistrationStore): Promise<void> {
  await Promise.all(tokens.map((token, n) => store.register(users[n] as string, token)));
}

/** Devices that change hands while the messages are on their way: a verdict on the earlier user's registration is none on this one. */
async function moveSome(store: RegistrationStore): Promise<void> {
  for (let n = 1; n < COUNT; n += 8) await store.register("newcomer", tokens[n] as string);
}

async function stateOf(store: RegistrationStore): Promise<object> {
  const held: Record<string, unknown> = {};
  for (const user of [...new Set(users), "newcomer"]) {
    held[user] = (await store.registrationsOf(user))
      .map(({ token, suspicion, acceptedAt }) => `${token} ${suspicion?.refusals ?? 0} ${acceptedAt !== undefined}`)
      .sort();
  }
  const { tokens: leadTo } = await store.resolve(tokens);
  const { changes } = await store.changes({ from: "oldest", limit: 10_000 });
  const seen = changes.map(({ type, token, userIds }) => `${type} ${token} ${userIds}`).sort();
  return { held, leadTo, counts: await store.counts(), seen };
}

describe.each(Object.entries(STORES))("processes that share a store: %s", (name, createLocation) => {
  it("that are killed in mid-write lose nothing confirmed and leave nothing half done, five times", async () => {
    const result = await soakRegistrations({ store: name, location: await createLocation(), kills: 5 });
    expect(result).toMatchObject({ kills: 5, wrong: [] });
    expect(result.confirmed).toBeGreaterThan(40);
  });

  it("give the model's answer with two processes of two senders that report the same at once", async () => {
    const model = createMemoryRegistrationStore();
    await register(model);
    const { states } = model.resolve(tokens);
    await moveSome(model);
    const report = tokens.map((token, n) => verdictOn(token, n, states[n]?.revision));
    for (let sender = 0; sender < 4; sender++) model.apply(report);

    const location = await createLocation();
    const store = await openStore(name, location);
    cleanUp.push(() => store.close());
    await register(store);
    const processes = [startSenders(name, location), startSenders(name, location)];
    await whileRunning(processes, Promise.all(processes.map(({ stdout }) => once(stdout, "data"))));
    await moveSome(store);
    for (const { stdin } of processes) stdin?.write("go\n");
    await Promise.all(processes.map(({ ended }) => ended));
    expect(await stateOf(store)).toEqual(await stateOf(model));
  });
});

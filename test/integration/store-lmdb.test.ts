import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLmdbRegistrationStore } from "@cloud-messaging/store-lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const FOLDER_OF_TESTS = join(import.meta.dirname, "..");
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "store-lmdb-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const OPEN = `
  import { writeSync } from "node:fs";
  import { createRequire } from "node:module";
  import { createLmdbRegistrationStore } from "@cloud-messaging/store-lmdb";
  const store = createLmdbRegistrationStore({ path: process.env.STORE });
  const say = (line) => writeSync(1, line + "\\n");
`;

/** Runs a program on what was built, behind a command or none, to its own end. */
async function run(program: string, behind: readonly string[] = []) {
  const line = [...behind, process.execPath, "--input-type=module", "-e", program];
  const child = spawn(line[0] as string, line.slice(1), {
    cwd: FOLDER_OF_TESTS,
    env: { ...process.env, STORE: join(folder, "db"), NODE_TLS_REJECT_UNAUTHORIZED: undefined },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (errors += chunk));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, output, errors };
}

function has(command: string): boolean {
  try {
    execFileSync("/bin/sh", ["-c", `command -v ${command}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe("a program with a store on lmdb", () => {
  it.skipIf(!has("strace") && !process.env["CI"])(
    "is told of a registration after the disk has it: fdatasync comes before",
    async () => {
      const trace = join(folder, "trace");
      const program = `${OPEN}
      say("ready");
      await store.register("ada", "A");
      say("confirmed");
      await store.apply([{ type: "replaced", token: "A", revision: 1, canonicalRegistrationId: "B" }]);
      say("applied");`;
      const strace = ["strace", "-f", "-o", trace, "-e", "trace=fdatasync,fsync,pwrite64,pwritev,write,writev,openat"];
      expect(await run(program, strace)).toMatchObject({ code: 0, output: "ready\nconfirmed\napplied\n" });
      const calls = readFileSync(trace, "utf8").split("\n");
      const at = (text: string) => calls.findIndex((call) => call.includes(text));
      // the page with the counters goes through a file that is written to the disk by each call
      expect(calls.some((call) => /data\.mdb".*O_DSYNC/.test(call))).toBe(true);
      for (const [from, to] of [
        [at('"ready'), at('"confirmed')],
        [at('"confirmed'), at('"applied')],
      ]) {
        const between = calls.slice(from, to);
        const firstWrite = between.findIndex((call) => /pwrite|writev/.test(call));
        const synced = between.findIndex((call) => /fdatasync.*= 0|fdatasync resumed.*= 0/.test(call));
        expect(firstWrite).toBeGreaterThan(0);
        expect(synced).toBeGreaterThan(firstWrite);
        // and the page that makes the transaction count, after it
        expect(between.findLastIndex((call) => /pwrite|writev/.test(call))).toBeGreaterThan(synced);
      }
    },
  );

  it.skipIf(process.platform === "win32")(
    "gets a clear error when the disk takes no more, loses nothing, and goes on when it does",
    async () => {
      const program = `${OPEN}
      let stored = 0;
      let failures = 0;
      for (let n = 0; failures < 3; n++) {
        const tokens = Array.from({ length: 50 }, (_, k) => ("t" + n + "-" + k).padEnd(160, "x"));
        const results = await Promise.allSettled(tokens.map((token, k) => store.register("user-" + k, token)));
        const failed = results.filter(({ status }) => status === "rejected");
        stored += 50 - failed.length;
        if (failed.length === 0) continue;
        failures++;
        const { name, code, reason, message } = failed[0].reason;
        say(JSON.stringify({ name, code, reason, message, failed: failed.length }));
      }
      say(JSON.stringify({ stored, ...store.counts() }));
      const page = store.registrations({ limit: 10000 });
      say(JSON.stringify({ whole: page.registrations.every(({ revision, userId, token }) => revision !== null && store.registrationsOf(userId).some((each) => each.token === token)) }));
      await store.close();
      say("closed");`;
      // no signal, and an error, where a file would get longer than 300 blocks of 1024 bytes
      const { code, output } = await run(program, ["bash", "-c", 'trap "" XFSZ; ulimit -f 300; exec "$@"', "bash"]);
      const lines = output.trim().split("\n");
      expect(lines.slice(0, 3).map((line) => JSON.parse(line))).toEqual(
        Array(3).fill({
          name: "LmdbStoreError",
          code: "ERR_LMDB_STORE",
          reason: "disk-full",
          message: expect.stringContaining(
            "the disk is full or does not take what is written: make space, then call again",
          ),
          failed: 50,
        }),
      );
      const { stored, registrations } = JSON.parse(lines[3] as string);
      expect(stored).toBeGreaterThan(50);
      expect(registrations).toBe(stored);
      expect(lines.slice(4)).toEqual(['{"whole":true}', "closed"]);
      expect(code).toBe(0);

      const store = createLmdbRegistrationStore({ path: join(folder, "db") });
      expect(store.counts().registrations).toBe(stored);
      await store.register("late", "there is room again".replaceAll(" ", "-"));
      expect(store.counts().registrations).toBe(stored + 1);
      await store.close();
    },
  );

  it("ends by itself, closed or not", async () => {
    for (const end of ["await store.close(); await store.close();", ""]) {
      const program = `${OPEN} await store.register("ada", "A"); ${end} say(String(performance.now() > 0));`;
      expect(await run(program)).toEqual({ code: 0, output: "true\n", errors: "" });
    }
  });

  it("opens a new folder together with others", async () => {
    const program = `${OPEN} await store.register("user-" + process.pid, "token-" + process.pid); await store.close();`;
    const results = await Promise.all(Array.from({ length: 4 }, () => run(program)));
    expect(results).toEqual(Array(4).fill({ code: 0, output: "", errors: "" }));
    const store = createLmdbRegistrationStore({ path: join(folder, "db") });
    expect(store.counts()).toEqual({ registrations: 4, users: 4 });
    await store.close();
  });

  it("has one database in both module formats", async () => {
    const program = `${OPEN}
      const { createLmdbRegistrationStore: create } = createRequire(process.cwd() + "/package.json")("@cloud-messaging/store-lmdb");
      const other = create({ path: process.env.STORE });
      await Promise.all([store.register("ada", "A"), other.register("bob", "B")]);
      await other.register("bob", "A");
      say(JSON.stringify([create !== createLmdbRegistrationStore, store.registrationsOf("ada"), store.registrationsOf("bob").map(({ token }) => token)]));
      await Promise.all([store.close(), other.close()]);`;
    expect(await run(program)).toEqual({ code: 0, output: '[true,[],["B","A"]]\n', errors: "" });
  });

  it("frees what killed readers held: the file stops growing", async () => {
    const reader = `${OPEN}
      const pages = store.registrations({ limit: 1 });
      say("reading");
      process.kill(process.pid, "SIGKILL");`;
    const store = createLmdbRegistrationStore({ path: join(folder, "db"), maxChanges: 10 });
    const write = async (times: number) => {
      for (let n = 0; n < times; n++) await store.register(`user-${n % 2}`, `token-${n % 10}`);
      return statSync(join(folder, "db/data.mdb")).size;
    };
    await write(20);
    await run(reader);
    await run(reader);
    const size = await write(150);
    expect(await write(150)).toBeLessThanOrEqual(size * 1.5);
    await store.close();
  });
});

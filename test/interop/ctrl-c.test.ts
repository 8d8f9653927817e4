import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

// the programs under which people start the emulator beside their own: each passes a Ctrl-C on to what the terminal has sent it already
const CLI = join(import.meta.dirname, "../../packages/emulator/dist/cli.js");
const BIN = join(import.meta.dirname, "node_modules/.bin");
const TIMES = 10;
const folder = mkdtempSync(join(tmpdir(), "cloud-messaging-ctrl-c-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const RUNNERS: readonly (readonly [name: string, command: readonly string[]])[] = [
  ["run-p", ["run-p", "emulator", "app"]],
  ["concurrently", ["concurrently", "npm:emulator", "npm:app"]],
  ["nodemon", ["nodemon", "--watch", "nothing.js", "--exec", "npm run emulator"]],
];

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts it, makes a device, presses Ctrl-C, and tells what the state file holds. */
async function once([name = "", ...args]: readonly string[], stateFile: string): Promise<string> {
  const port = await freePort();
  const emulator = `node ${CLI} --http-port ${port} --https-port 0 --ccs-port 0 --state ${stateFile}`;
  const app = `node -e "setInterval(() => {}, 1000)"`;
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "app", scripts: { emulator, app } }));
  // a session of its own: its group is what a terminal's Ctrl-C reaches
  const runner = spawn(join(BIN, name), args, {
    cwd: folder,
    detached: true,
    stdio: "ignore",
    env: { ...process.env, PATH: `${BIN}${delimiter}${process.env["PATH"]}`, npm_config_update_notifier: "false" },
  });
  const ended = new Promise<void>((resolve) => runner.once("close", () => resolve()));
  try {
    const url = `http://127.0.0.1:${port}/emulator/v1/devices`;
    const make = () => fetch(url, { method: "POST", body: '{"token":"tok-kept"}' }).then(({ status }) => status);
    await expect.poll(() => make().catch(() => 0), { timeout: 60_000, interval: 50 }).toBe(201);
    // within the two seconds after which the state would be saved anyway
    process.kill(-(runner.pid as number), "SIGINT");
    await ended;
    await expect.poll(() => existsSync(`${stateFile}.lock`), { timeout: 20_000, interval: 20 }).toBe(false);
  } finally {
    try {
      process.kill(-(runner.pid as number), "SIGKILL");
    } catch {
      // all of it has ended
    }
  }
  if (!existsSync(stateFile)) return "lost";
  return readFileSync(stateFile, "utf8").includes("tok-kept") ? "saved" : "without the device";
}

describe("one Ctrl-C", () => {
  it.each(RUNNERS)(
    `under %s leaves the state behind, ${TIMES} times of ${TIMES}`,
    async (name, command) => {
      const results: string[] = [];
      for (let i = 0; i < TIMES; i++) results.push(await once(command, join(folder, `${name}-${i}.json`)));
      console.log(`| ${name} | ${results.filter((result) => result === "saved").length} of ${TIMES} |`);
      expect(results).toEqual(Array(TIMES).fill("saved"));
    },
    600_000,
  );
});

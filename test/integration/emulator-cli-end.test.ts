import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { ReadyLine } from "../../packages/emulator/src/cli/output.ts";
import { ANY_PORTS, CLI, killAll, launch, run, start } from "../support/emulator-program.ts";

const folder = mkdtempSync(join(tmpdir(), "cloud-messaging-end-"));
let files = 0;
const freshFile = (): string => join(folder, `state-${++files}.json`);

afterAll(() => {
  killAll();
  rmSync(folder, { recursive: true, force: true });
});

const makeDevice = async ({ http }: ReadyLine): Promise<void> => {
  const answer = await fetch(`${http}/emulator/v1/devices`, { method: "POST", body: '{"token":"tok-kept"}' });
  expect(answer.status).toBe(201);
};
const savedTokens = (file: string): string[] =>
  (JSON.parse(readFileSync(file, "utf8")) as { devices: { apps: { tokens: string[] }[] }[] }).devices.flatMap(
    ({ apps }) => apps.flatMap(({ tokens }) => tokens),
  );
/** Multicasts to unknown tokens: a state that takes its time to write. */
async function sendMany({ http }: ReadyLine): Promise<void> {
  for (let request = 0; request < 10; request++) {
    const registration_ids = Array.from({ length: 1000 }, (_, i) => `tok-${request}-${i}`);
    await fetch(`${http}/fcm/send`, {
      method: "POST",
      headers: { authorization: "key=any", "content-type": "application/json" },
      body: JSON.stringify({ registration_ids, data: { a: "1" } }),
    });
  }
}
/**
 * Waits for longer than from one look for the parent to the next, by a timer of the emulator itself: it saves its state two seconds after a
 * change, and looks each second. Then it has to be there still.
 */
async function outliveLooks(ready: ReadyLine, file: string): Promise<void> {
  await makeDevice(ready);
  await expect.poll(() => existsSync(file), { timeout: 30_000 }).toBe(true);
  expect((await fetch(`${ready.http}/emulator/v1/devices`)).status).toBe(200);
}
/** True if a process is there and no zombie. */
function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

describe("ending the command", () => {
  it.each([
    ["SIGINT", "SIGINT"],
    ["SIGINT", "SIGTERM"],
    ["SIGUSR2", "SIGUSR2"],
    ["SIGHUP", "SIGTERM"],
  ] as const)("takes %s and a %s right behind it as one wish, and saves the state", async (first, second) => {
    const file = freshFile();
    const { ready, running } = await start("--state", file);
    await makeDevice(ready);
    await sendMany(ready);
    running.kill(first);
    setTimeout(() => running.kill(second), 1);
    setTimeout(() => running.kill(second), 45);
    expect(await running.ended).toMatchObject({ status: 0, err: "" });
    expect(savedTokens(file)).toEqual(["tok-kept"]);
    expect(readdirSync(folder).filter((name) => /draft|lock/.test(name))).toEqual([]);
  });

  it("leaves a state behind even when it is killed: it was saved within seconds of the change", async () => {
    const file = freshFile();
    const { ready, running } = await start("--state", file);
    await makeDevice(ready);
    await expect.poll(() => existsSync(file), { timeout: 30_000 }).toBe(true);
    running.kill("SIGKILL");
    await running.ended;
    expect(savedTokens(file)).toEqual(["tok-kept"]);
    const again = await start("--state", file); // its lock is nobody's
    again.running.kill("SIGTERM");
    expect(await again.running.ended).toMatchObject({ status: 0, err: "" });
  });

  it("refuses a state file that another emulator uses, and says which process that is", async () => {
    const file = freshFile();
    const { running } = await start("--state", file);
    const second = await run([...ANY_PORTS, "--state", file]).ended;
    expect(second).toMatchObject({ status: 2, out: "" });
    expect(second.err).toMatch(new RegExp(`--state: .*in use by another emulator \\(process ${running.child.pid} `));
    running.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ status: 0 });
  });

  it("names the file and says that it was not saved when the disk is full, and ends with status 1", async () => {
    const file = freshFile();
    // a limit to the size of files is to a program what a full disk is
    const limited = 'ulimit -f 40; exec "$0" "$@"';
    const args = ["-c", limited, process.execPath, CLI, "--json", ...ANY_PORTS, "--state", file];
    const running = launch("bash", args);
    const ready = JSON.parse(await running.printed) as ReadyLine;
    await makeDevice(ready);
    await expect.poll(() => existsSync(file), { timeout: 30_000 }).toBe(true);
    await sendMany(ready);
    running.kill("SIGTERM");
    const { status, err } = await running.ended;
    expect(status).toBe(1);
    expect(err).toContain(`The state was not saved: ${file} cannot be written and is as it was before: EFBIG`);
    expect(savedTokens(file)).toEqual(["tok-kept"]);
    expect(readdirSync(folder).filter((name) => name.endsWith(".draft"))).toEqual([]);
  });

  it("saves the state on SIGTERM under the shell that the compose recipe starts it with", async () => {
    const docs = readFileSync(join(import.meta.dirname, "../../docs/emulator.md"), "utf8");
    const recipe = /entrypoint: \["sh", "-c", "(.*)"\]/.exec(docs)?.[1] ?? "";
    const [install, command] = recipe.split(" && ") as [string, string];
    expect(install).toMatch(/^npm install --global .*@cloud-messaging\/emulator$/);
    const file = freshFile();
    const shown = command
      .replace("exec cloud-messaging-emulator", `exec ${process.execPath} ${CLI}`)
      .replace(/\/shared\/ca.pem/, join(folder, "ca.pem"))
      .replace(/\/shared\/state.json/, file);
    expect(shown).toContain(file);
    const running = launch("sh", ["-c", `true && ${shown} ${ANY_PORTS.join(" ")} --json`]);
    await makeDevice(JSON.parse(await running.printed) as ReadyLine);
    running.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ status: 0, err: "" });
    expect(savedTokens(file)).toEqual(["tok-kept"]);
  });
});

describe("an emulator whose parent dies", () => {
  const spawner = (stdio: string): string => `
    import { spawn } from "node:child_process";
    const child = spawn(process.execPath, process.argv.slice(1), { stdio: ${stdio} });
    process.stdout.write(child.pid + "\\n");
    setInterval(() => {}, 1000);`;

  it.each([
    ["over pipes", '["ignore", "pipe", "inherit"]'],
    ["over pipes, input included", '["pipe", "pipe", "inherit"]'],
  ])("ends when it was started %s, and saves the state", async (_how, stdio) => {
    const file = freshFile();
    const args = [CLI, "--json", ...ANY_PORTS, "--state", file];
    const parent = run(args, ["--input-type=module", "-e", spawner(stdio), "--"]);
    const pid = Number(await parent.printed);
    await expect.poll(() => existsSync(`${file}.lock`), { timeout: 30_000 }).toBe(true);
    parent.kill("SIGKILL");
    await expect.poll(() => isRunning(pid), { timeout: 30_000 }).toBe(false);
    expect(savedTokens(file)).toEqual([]);
  });

  // each takes seconds: all three at the same time
  it.concurrent("ends when the runner that started it through another program is killed", async ({ expect }) => {
    const file = freshFile();
    // the shell stays, as npx does
    const script = `"$0" "$@"; true`;
    const args = ["-c", script, process.execPath, CLI, "--json", ...ANY_PORTS, "--state", file];
    const starter = `
      import { spawn } from "node:child_process";
      spawn("bash", process.argv.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
      console.log("started");
      setInterval(() => {}, 1000);`;
    const parent = run(args, ["--input-type=module", "-e", starter, "--"]);
    await parent.printed;
    await expect.poll(() => existsSync(`${file}.lock`), { timeout: 30_000 }).toBe(true);
    const { pid } = JSON.parse(readFileSync(`${file}.lock`, "utf8")) as { pid: number };
    parent.kill("SIGKILL");
    await expect.poll(() => isRunning(pid), { timeout: 30_000 }).toBe(false);
    expect(savedTokens(file)).toEqual([]);
  }, 60_000);

  it.concurrent("goes on when its input ends and nobody has died", async () => {
    const file = freshFile();
    const args = ["--json", ...ANY_PORTS, "--state", file];
    const running = launch(process.execPath, [CLI, ...args], {}, ["pipe", "pipe", "pipe"]);
    const ready = JSON.parse(await running.printed) as ReadyLine;
    running.child.stdin?.end();
    await outliveLooks(ready, file);
    running.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ status: 0, err: "" });
  });

  it.concurrent("goes on when it is a background job of a shell that ends", async ({ expect }) => {
    const file = freshFile();
    const log = join(folder, "bg.log");
    const script = `"$0" "$@" --ca-file ${join(folder, "bg.pem")} < /dev/null > ${log} 2>&1 & echo $!; read`;
    const args = ["-c", script, process.execPath, CLI, "--json", ...ANY_PORTS, "--state", file];
    const shell = launch("bash", args, {}, ["pipe", "pipe", "pipe"]);
    const pid = Number(await shell.printed);
    try {
      await expect.poll(() => readFileSync(log, "utf8"), { timeout: 30_000 }).toContain("\n");
      // it was the parent up to here
      shell.child.stdin?.end();
      await shell.ended;
      await outliveLooks(JSON.parse(readFileSync(log, "utf8")) as ReadyLine, file);
    } finally {
      process.kill(pid, "SIGTERM");
    }
    await expect.poll(() => isRunning(pid), { timeout: 30_000 }).toBe(false);
  });
});

describe("exec", () => {
  const node = (program: string): string[] => ["--", process.execPath, "--input-type=module", "-e", program];

  it("runs a command with the variables, on free ports, and returns its status", async () => {
    const file = freshFile();
    const program = `
      const { CLOUD_MESSAGING_EMULATOR_HOST: host, CLOUD_MESSAGING_EMULATOR_CA_FILE: ca } = process.env;
      const made = await fetch("http://" + host + "/emulator/v1/devices", { method: "POST", body: '{"token":"tok-kept"}' });
      const { existsSync } = await import("node:fs");
      console.log(made.status, existsSync(ca), process.argv.slice(1).join(" "));
      process.exit(7);`;
    const { status, out, err } = await run(["exec", "--state", file, ...node(program), "--", "--json", "a b"]).ended;
    expect({ status, out }).toEqual({ status: 7, out: "201 true --json a b\n" });
    expect(err).toMatch(/^The cloud-messaging emulator is at http:\/\/127\.0\.0\.1:\d+\/\n$/);
    expect(savedTokens(file)).toEqual(["tok-kept"]);
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "passes %s on once, and ends when the command does",
    async (signal) => {
      const program = `
      let seen = 0;
      process.on("${signal}", () => { seen++; setTimeout(() => process.exit(10 + seen), 300); });
      setInterval(() => {}, 1000);
      console.log("ready");`;
      const running = run(["exec", ...node(program)]);
      await running.printed;
      running.kill(signal);
      setTimeout(() => running.kill(signal), 20);
      expect(await running.ended).toMatchObject({ status: 11 });
    },
  );

  it("returns 128 and the signal's number when a signal ended the command", async () => {
    expect(await run(["exec", ...node('process.kill(process.pid, "SIGKILL")')]).ended).toMatchObject({ status: 137 });
  });

  it("says when the command cannot be found, and returns 127", async () => {
    const { status, err } = await run(["exec", "--", "no-such-program-here"]).ended;
    expect(status).toBe(127);
    expect(err).toMatch(/no-such-program-here cannot be started: .*ENOENT/);
  });

  it.each([
    [["exec"], /exec needs a command/],
    [["exec", "--"], /exec needs a command/],
    [["exec", "--json", "--", "true"], /--json does not go with exec/],
    [["exec", "npm", "test"], /npm/],
  ])("refuses %j with the reason", async (args, reason) => {
    const { status, err } = await run(args).ended;
    expect(status).toBe(2);
    expect(err).toMatch(reason);
  });
});

import { existsSync } from "node:fs";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createManualClock } from "@cloud-messaging/core";
import { type EmulatorEvent, startEmulator } from "@cloud-messaging/emulator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "emulator-state-file-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const tokensIn = async (file: string): Promise<string[]> =>
  (JSON.parse(await readFile(file, "utf8")) as { devices: { apps: { tokens: string[] }[] }[] }).devices.flatMap(
    ({ apps }) => apps.flatMap(({ tokens }) => tokens),
  );
const names = async (): Promise<string[]> => (await readdir(folder)).sort();

describe("the state file of a running emulator", () => {
  it("holds every change two seconds later, and is not written while nothing changes", async () => {
    const clock = createManualClock();
    const stateFile = join(folder, "state.json");
    await using emulator = await startEmulator({ stateFile, clock });
    await clock.advance(60_000);
    expect(existsSync(stateFile)).toBe(false);
    emulator.createDevice({ token: "tok-1" });
    await clock.advance(1999);
    expect(existsSync(stateFile)).toBe(false);
    await clock.advance(1);
    await expect.poll(() => existsSync(stateFile)).toBe(true);
    expect(await tokensIn(stateFile)).toEqual(["tok-1"]);
    const { mtimeMs } = await stat(stateFile);
    await clock.advance(60_000);
    expect((await stat(stateFile)).mtimeMs).toBe(mtimeMs);
    emulator.device(emulator.devices[0]?.id ?? "")?.remove();
    await clock.advance(2000);
    await expect.poll(() => tokensIn(stateFile)).toEqual([]);
  });

  it("that cannot be written is told as an event with its name, is tried again, and makes close() reject", async () => {
    const clock = createManualClock();
    const inner = join(folder, "inner");
    await mkdir(inner);
    const stateFile = join(inner, "state.json");
    const emulator = await startEmulator({ stateFile, clock });
    const told: EmulatorEvent[] = [];
    emulator.events.subscribe((event) => event.type === "state" && told.push(event));
    await rename(inner, join(folder, "away"));
    emulator.createDevice();
    await clock.advance(2000);
    await expect.poll(() => told.length).toBe(1);
    expect(told[0]).toMatchObject({ change: "not-saved", problem: expect.stringContaining(stateFile) });
    await rename(join(folder, "away"), inner);
    await clock.advance(2000);
    await expect.poll(() => told.length).toBe(2);
    expect(told[1]).toMatchObject({ change: "saved" });
    await rename(inner, join(folder, "away"));
    await expect(emulator.close()).rejects.toMatchObject({
      name: "StateNotSavedError",
      file: stateFile,
      message: expect.stringMatching(/^The state was not saved: .*state\.json cannot be written .*ENOENT/),
    });
  });

  it("is its owner's alone, whatever mode the file or a draft of the same name had before", async () => {
    const stateFile = join(folder, "state.json");
    await (await startEmulator({ stateFile })).close();
    await chmod(stateFile, 0o644);
    // what earlier versions called their draft, planted as a link to a file of somebody else's
    const victim = join(folder, "victim");
    await writeFile(victim, "untouched", { mode: 0o644 });
    await symlink(victim, `${stateFile}.${process.pid}.draft`);
    await (await startEmulator({ stateFile })).close();
    expect((await stat(stateFile)).mode & 0o777).toBe(0o600);
    expect(await readFile(victim, "utf8")).toBe("untouched");
    expect((await stat(victim)).mode & 0o777).toBe(0o644);
  });

  it.each([
    ["absolute", (target: string) => target],
    ["relative", () => "data/state.json"],
  ])("is written where a link leads, %s, and the link stays", async (_kind, to) => {
    await mkdir(join(folder, "data"));
    const target = join(folder, "data", "state.json");
    const stateFile = join(folder, "link.json");
    await symlink(to(target), stateFile);
    const one = await startEmulator({ stateFile }); // the target is not there yet
    one.createDevice({ token: "tok-1" });
    await one.close();
    expect((await lstat(stateFile)).isSymbolicLink()).toBe(true);
    expect(await readlink(stateFile)).toBe(to(target));
    expect(await tokensIn(target)).toEqual(["tok-1"]);
    await using two = await startEmulator({ stateFile });
    expect(two.deviceOf("tok-1")).toBeDefined();
    await expect(startEmulator({ stateFile: target })).rejects.toThrow(/in use by another emulator/);
  });

  it("is refused when links lead in a circle, or to a folder", async () => {
    const stateFile = join(folder, "circle");
    await symlink(stateFile, stateFile);
    await expect(startEmulator({ stateFile })).rejects.toThrow(/stateFile: .*circle: no state can be saved there/);
    await expect(startEmulator({ stateFile: folder })).rejects.toThrow(/stateFile: .*regular file/);
  });

  it("leaves neither drafts nor a lock behind, and takes away those of an emulator that was killed", async () => {
    const stateFile = join(folder, "state.json");
    await writeFile(join(folder, "state.json.0b0e7c3e-0000-4000-8000-000000000000.draft"), "{");
    await writeFile(join(folder, "state.json.mine.draft"), "not ours");
    await (await startEmulator({ stateFile })).close();
    expect(await names()).toEqual(["state.json", "state.json.mine.draft"]);
    await writeFile(stateFile, "garbage");
    await expect(startEmulator({ stateFile })).rejects.toThrow(/does not hold a state/);
    expect(await names()).toEqual(["state.json", "state.json.mine.draft"]);
  });
});

describe("the lock of a state file", () => {
  it("is held against a second emulator of the same process, and freed by close() and by a start that fails", async () => {
    const stateFile = join(folder, "state.json");
    const one = await startEmulator({ stateFile });
    await expect(startEmulator({ stateFile })).rejects.toMatchObject({
      code: "ERR_INVALID_OPTIONS",
      message: expect.stringMatching(new RegExp(`stateFile: .*in use by another emulator \\(process ${process.pid} `)),
    });
    const { port } = new URL(one.httpUrl);
    const other = join(folder, "other.json");
    await expect(startEmulator({ stateFile: other, httpPort: Number(port) })).rejects.toThrow(/is taken/);
    await (await startEmulator({ stateFile: other })).close();
    await one.close();
    await (await startEmulator({ stateFile })).close();
  });

  it("that a dead process left is taken over, though its number is another process's now", async () => {
    const stateFile = join(folder, "state.json");
    const one = await startEmulator({ stateFile });
    const lock = JSON.parse(await readFile(`${stateFile}.lock`, "utf8")) as { pid: number; start?: string };
    await one.close();
    if (lock.start === undefined) return; // only Linux tells one process from a later one of the same number
    for (const left of [
      { ...lock, start: "1" },
      { ...lock, pid: 4_194_305 },
    ]) {
      await writeFile(`${stateFile}.lock`, JSON.stringify(left));
      await (await startEmulator({ stateFile })).close();
    }
  });

  it("of another machine or container is taken over when it was not renewed for ten seconds", async () => {
    const stateFile = join(folder, "state.json");
    for (const left of [JSON.stringify({ pid: 1, scope: "another", host: "box" }), "", "{"]) {
      await writeFile(`${stateFile}.lock`, left);
      const past = new Date(Date.now() - 11_000);
      await utimes(`${stateFile}.lock`, past, past);
      await (await startEmulator({ stateFile })).close();
    }
  });

  it("is refused by name when it is no file: a link, wherever it leads, and a folder", async () => {
    const stateFile = join(folder, "state.json");
    const elsewhere = join(folder, "elsewhere");
    await writeFile(elsewhere, "mine");
    for (const make of [
      () => symlink(join(folder, "nowhere"), `${stateFile}.lock`),
      () => symlink(elsewhere, `${stateFile}.lock`),
      () => mkdir(`${stateFile}.lock`),
    ]) {
      await make();
      await expect(startEmulator({ stateFile })).rejects.toThrow(/state\.json\.lock is not a regular file/);
      await rm(`${stateFile}.lock`, { recursive: true });
    }
    expect(await readFile(elsewhere, "utf8")).toBe("mine");
    expect((await readdir(folder)).sort()).toEqual(["elsewhere"]);
  });

  it("of another machine or container holds while it is renewed", async () => {
    const stateFile = join(folder, "state.json");
    const left = JSON.stringify({ pid: 1, scope: "another", host: "box" });
    await writeFile(`${stateFile}.lock`, left);
    const renewing = setInterval(() => void writeFile(`${stateFile}.lock`, left), 200);
    try {
      await expect(startEmulator({ stateFile })).rejects.toThrow(/in use by another emulator \(process 1 on box\)/);
    } finally {
      clearInterval(renewing);
    }
  });
});

import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { link, lstat, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { clearInterval, setInterval } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import { defined } from "@cloud-messaging/core/transport";

/** Interval of renewals of the lock. Implementation limit. Unit: milliseconds. */
const HEARTBEAT_MS = 2000;
/** Age above which a lock of another machine or container is stale. Implementation limit. Unit: milliseconds. */
const ABANDONED_MS = 10_000;
/** Polling interval of such a lock. Implementation limit. Unit: milliseconds. */
const LOOK_AGAIN_MS = 500;

/** Process that holds a lock. */
interface Holder {
  readonly pid: number;
  /** Start of the process in clock ticks since boot, which distinguishes it from a later one with the same ID; Linux only. */
  readonly start?: string;
  /** Scope in which `pid` names one process: a machine since its boot, or one container on it. */
  readonly scope: string;
  readonly host: string;
}

/** Lock of a file that one process at a time may write. */
export interface FileLock {
  /** Removes the lock. */
  release(): Promise<void>;
}

/** The lock is held by another process. */
export class LockedError extends Error {
  override readonly name = "LockedError";
}

/**
 * Locks a file by another one beside it, `FILE.lock`. The lock of an ended process is taken over at once; one of another machine or
 * container, whose processes are not visible, after ten seconds without renewal.
 *
 * @throws {LockedError} Names the process that holds it. @throws {Error} System error if no file can be created there.
 */
export async function lockFile(path: string): Promise<FileLock> {
  const lock = `${path}.lock`;
  const draft = `${lock}.${randomUUID()}.draft`;
  const own = JSON.stringify(thisProcess());
  try {
    await writeFile(draft, own, { flag: "wx", mode: 0o600 });
    while (!(await linked(draft, lock))) await removeAbandoned(lock, draft);
  } finally {
    await rm(draft, { force: true });
  }
  // written rather than touched: uses the clock of the file system
  const heartbeat = setInterval(() => void writeFile(lock, own, { flag: "r+" }).catch(() => {}), HEARTBEAT_MS).unref();
  return {
    async release() {
      clearInterval(heartbeat);
      const found = await readFile(lock, "utf8").catch(() => undefined);
      if (found === own) await rm(lock, { force: true });
    },
  };
}

/** Creates the lock atomically; returns `false` if there is one. */
async function linked(draft: string, lock: string): Promise<boolean> {
  try {
    await link(draft, lock);
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EEXIST") return false;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
  }
  try {
    // file system without hard links
    await writeFile(lock, await readFile(draft), { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return false;
    throw error;
  }
}

/** Removes a stale lock. @throws {LockedError} The lock is held. */
async function removeAbandoned(lock: string, draft: string): Promise<void> {
  let found = await look(lock);
  if (found === undefined) return;
  let alive = found.holder === undefined ? undefined : isAlive(found.holder);
  const { modifiedMs } = found;
  while (alive === undefined) {
    // time of the file system, from a file written just now
    await writeFile(draft, await readFile(draft), { flag: "r+" });
    if ((await stat(draft)).mtimeMs - modifiedMs >= ABANDONED_MS) alive = false;
    else {
      await sleep(LOOK_AGAIN_MS);
      found = await look(lock);
      if (found === undefined) return;
      if (found.modifiedMs !== modifiedMs) alive = true;
    }
  }
  if (alive) throw new LockedError(`is in use by another emulator (${nameOf(found.holder)})`);
  // another process may have replaced the stale lock meanwhile: that one is restored
  const aside = `${lock}.${randomUUID()}.draft`;
  try {
    await rename(lock, aside);
    if ((await readFile(aside, "utf8")) !== found.text) await link(aside, lock);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== "ENOENT" && code !== "EEXIST") throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

interface Found {
  readonly text: string;
  readonly holder: Holder | undefined;
  readonly modifiedMs: number;
}

async function look(lock: string): Promise<Found | undefined> {
  try {
    const found = await lstat(lock);
    // a dangling link would count as neither present nor absent
    if (!found.isFile()) throw new Error(`${lock} is not a regular file`);
    const text = await readFile(lock, "utf8");
    return { text, holder: readHolder(text), modifiedMs: found.mtimeMs };
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

function readHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null;
    const good = Number.isInteger(value?.pid) && typeof value?.scope === "string" && typeof value.host === "string";
    return good ? (value as Holder) : undefined;
  } catch {
    return undefined;
  }
}

const nameOf = (holder: Holder | undefined): string =>
  holder === undefined ? "its lock cannot be read" : `process ${holder.pid} on ${holder.host.slice(0, 100)}`;

/** `undefined`: unknown from here. */
function isAlive({ pid, start, scope }: Holder): boolean | undefined {
  if (scope !== scopeHere()) return undefined;
  if (start !== undefined) return startOf(pid) === start;
  try {
    process.kill(pid, 0);
    return undefined; // some process has this number
  } catch (error) {
    return (error as { code?: string }).code === "ESRCH" ? false : undefined;
  }
}

function thisProcess(): Holder {
  const start = startOf(process.pid);
  return { pid: process.pid, ...defined({ start }), scope: scopeHere(), host: hostname() };
}

/** Start of a running process, from `/proc`. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // the name in parentheses may contain anything; 3rd field: state, 22nd: start
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function scopeHere(): string {
  try {
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

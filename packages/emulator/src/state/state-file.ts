import { randomUUID } from "node:crypto";
import { open, readdir, readFile, readlink, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { InvalidOptionsError } from "@cloud-messaging/core";
import type { EmulatorState } from "../schemas.ts";
import { readState } from "./read-state.ts";
import { type FileLock, LockedError, lockFile } from "./state-lock.ts";

/** The state could not be written; the file is as it was before. */
export class StateNotSavedError extends Error {
  override readonly name = "StateNotSavedError";
  /** The file, as it was named. */
  readonly file: string;

  constructor(file: string, options: ErrorOptions) {
    const reason = (options.cause as Error).message;
    super(`The state was not saved: ${file} cannot be written and is as it was before: ${reason}`, options);
    this.file = file;
  }
}

/** A state file that this emulator alone may write. */
export interface StateFile {
  /** The state it held; `undefined` when there was no such file yet. */
  readonly saved: EmulatorState | undefined;
  /**
   * Writes a state, whole or not at all. Only its owner may read it: it holds tokens.
   *
   * @throws {StateNotSavedError} naming the file and the reason.
   */
  save(state: EmulatorState): Promise<void>;
  /** Lets others write it. */
  release(): Promise<void>;
}

/**
 * Locks a state file and reads it. A path that is a link stands for its target, which keeps its place.
 *
 * @throws {InvalidOptionsError} when another emulator uses the file, when no state can be saved there, or when the file cannot be read or
 * holds something else: it is left as it is.
 */
export async function openStateFile(path: string): Promise<StateFile> {
  let target: string;
  let lock: FileLock;
  try {
    target = await targetOf(path);
    lock = await lockFile(target);
  } catch (error) {
    throw unusable(path, error instanceof LockedError ? IN_USE : NOT_WRITABLE, error);
  }
  try {
    await removeDrafts(target);
    return {
      saved: await load(path, target),
      async save(state) {
        try {
          await write(target, state);
        } catch (error) {
          throw new StateNotSavedError(path, { cause: error });
        }
      },
      release: () => lock.release(),
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function load(path: string, target: string): Promise<EmulatorState | undefined> {
  let text: string;
  try {
    if (!(await stat(target)).isFile()) throw new Error("it is not a regular file");
    text = await readFile(target, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw unusable(path, NOT_READABLE, error);
  }
  try {
    return readState(JSON.parse(text));
  } catch (error) {
    throw unusable(path, NO_STATE, error);
  }
}

/** Links followed at most, as Linux does. */
const MAX_LINKS = 40;

/** The file that a path leads to through all links, whether it exists or not. */
async function targetOf(path: string, links = 0): Promise<string> {
  if (links > MAX_LINKS) throw new Error("too many links lead from one to the next");
  const place = join(await realpath(dirname(resolve(path))), basename(path));
  let to: string;
  try {
    to = await readlink(place);
  } catch (error) {
    // no link, or nothing there
    const { code } = error as { code?: string };
    if (code === "EINVAL" || code === "ENOENT" || code === "UNKNOWN") return place;
    throw error;
  }
  return targetOf(resolve(dirname(place), to), links + 1);
}

async function write(target: string, state: EmulatorState): Promise<void> {
  // a new file under a name that nobody can foresee: no link is followed, and no mode taken over
  const draft = `${target}.${randomUUID()}.draft`;
  const file = await open(draft, "wx", 0o600);
  try {
    try {
      await writeFile(file, inPieces(state));
      await file.sync(); // what the disk has no room for is found out here at the latest
    } finally {
      await file.close();
    }
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Removes the drafts of emulators that were killed. */
async function removeDrafts(target: string): Promise<void> {
  const folder = dirname(target);
  const start = `${basename(target)}.`;
  const left = (await readdir(folder).catch(() => [])).filter(
    (name) => name.startsWith(start) && /^[0-9a-f-]{36}\.draft$/.test(name.slice(start.length)),
  );
  await Promise.all(left.map((name) => rm(join(folder, name), { force: true })));
}

/** Characters per piece. Implementation limit. */
const PIECE = 262_144;

/** A state as JSON, an entry of its lists per line: as one string it might be longer than a string can be. */
function* inPieces(state: EmulatorState): Generator<string> {
  let piece = "";
  let separator = "{";
  for (const [key, value] of Object.entries(state)) {
    piece += `${separator}${JSON.stringify(key)}:`;
    separator = ",\n";
    if (!Array.isArray(value)) {
      piece += JSON.stringify(value);
      continue;
    }
    piece += "[";
    let between = "\n";
    for (const entry of value) {
      piece += `${between}${JSON.stringify(entry)}`;
      between = ",\n";
      if (piece.length < PIECE) continue;
      yield piece;
      piece = "";
    }
    piece += "]";
  }
  yield `${piece}}\n`;
}

const MOVE = "Move it away to start anew";
const IN_USE = { problem: "", advice: "End that one, or name another file" };
const NOT_WRITABLE = {
  problem: "no state can be saved there: ",
  advice: "Name a file in a folder that can be written",
};
const NOT_READABLE = { problem: "", advice: MOVE };
const NO_STATE = { problem: "does not hold a state of the emulator: ", advice: MOVE };

function unusable(
  path: string,
  { problem, advice }: { readonly problem: string; readonly advice: string },
  cause: unknown,
): InvalidOptionsError {
  const text = `${path}: ${problem}${(cause as Error).message}. ${advice}`;
  return new InvalidOptionsError([{ path: "stateFile", problem: text }], { cause });
}

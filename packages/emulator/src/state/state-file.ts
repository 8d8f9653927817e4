import { randomUUID } from "node:crypto";
import { open, readdir, readFile, readlink, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { CloudMessagingError, InvalidOptionsError } from "@cloud-messaging/core";
import { readState } from "./read-state.ts";
import type { EmulatorState } from "./schema.ts";
import { type FileLock, LockedError, lockFile } from "./state-lock.ts";

/** The state could not be written; the file is unchanged. */
export class StateNotSavedError extends CloudMessagingError<"ERR_STATE_NOT_SAVED"> {
  override readonly name = "StateNotSavedError";
  /** File, as named by the caller. */
  readonly file: string;

  constructor(file: string, options: ErrorOptions) {
    const reason = (options.cause as Error).message;
    const text = `The state was not saved: ${file} cannot be written and is as it was before: ${reason}`;
    super("ERR_STATE_NOT_SAVED", text, options);
    this.file = file;
  }
}

/** State file locked by this emulator. */
export interface StateFile {
  /** State read from the file; `undefined` if it did not exist. */
  readonly saved: EmulatorState | undefined;
  /**
   * Writes a state atomically, readable by its owner only, since it holds tokens.
   *
   * @throws {StateNotSavedError} Names the file and the reason.
   */
  save(state: EmulatorState): Promise<void>;
  /** Releases the lock. */
  release(): Promise<void>;
}

/**
 * Locks a state file and reads it. Symbolic links are followed and kept.
 *
 * @throws {InvalidOptionsError} Another emulator uses the file, no state can be saved there, or the file cannot be read or
 * is not a state file, in which case it is left unchanged.
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

/** Maximum number of symbolic links followed, as on Linux. */
const MAX_LINKS = 40;

/** Resolves a path through all symbolic links, whether the target exists or not. */
async function targetOf(path: string, links = 0): Promise<string> {
  if (links > MAX_LINKS) throw new Error("too many links lead from one to the next");
  const place = join(await realpath(dirname(resolve(path))), basename(path));
  let to: string;
  try {
    to = await readlink(place);
  } catch (error) {
    // not a link, or nothing there
    const { code } = error as { code?: string };
    if (code === "EINVAL" || code === "ENOENT" || code === "UNKNOWN") return place;
    throw error;
  }
  return targetOf(resolve(dirname(place), to), links + 1);
}

async function write(target: string, state: EmulatorState): Promise<void> {
  // a new file with an unpredictable name: follows no link and inherits no mode
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

/** Removes temporary files of killed emulators. */
async function removeDrafts(target: string): Promise<void> {
  const folder = dirname(target);
  const start = `${basename(target)}.`;
  const left = (await readdir(folder).catch(() => [])).filter(
    (name) => name.startsWith(start) && /^[0-9a-f-]{36}\.draft$/.test(name.slice(start.length)),
  );
  await Promise.all(left.map((name) => rm(join(folder, name), { force: true })));
}

/** Characters per chunk. Implementation limit. */
const PIECE = 262_144;

/** Serializes a state with one list entry per line; as a single string it could exceed the maximum string length. */
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

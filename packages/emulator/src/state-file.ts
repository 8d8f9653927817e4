import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { InvalidOptionsError } from "@cloud-messaging/core";
import { readState } from "./read-state.ts";
import type { EmulatorState } from "./schemas.ts";

/**
 * Reads a saved state; `undefined` when there is no such file yet.
 *
 * @throws {InvalidOptionsError} when the file cannot be read or holds something else: it is left as it is.
 */
export async function loadStateFile(path: string): Promise<EmulatorState | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw unusable(path, (error as Error).message, error);
  }
  try {
    return readState(JSON.parse(text));
  } catch (error) {
    throw unusable(path, `does not hold a state of the emulator: ${(error as Error).message}`, error);
  }
}

/** Writes a state, whole or not at all. Only its owner may read it: it holds tokens. */
export async function saveStateFile(path: string, state: EmulatorState): Promise<void> {
  const draft = draftOf(path);
  try {
    await writeFile(draft, inPieces(state), { mode: 0o600 });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/**
 * Makes sure that a state can be saved there at the end.
 *
 * @throws {InvalidOptionsError} when it cannot.
 */
export async function checkStateFile(path: string): Promise<void> {
  const draft = draftOf(path);
  try {
    await writeFile(draft, "", { mode: 0o600 });
    await rm(draft);
  } catch (error) {
    const problem = `${path}: no state can be saved there: ${(error as Error).message}. Name a file in a folder that can be written`;
    throw new InvalidOptionsError([{ path: "stateFile", problem }], { cause: error });
  }
}

/** Where a state is written before it takes its place. */
export const draftOf = (path: string): string => `${path}.${process.pid}.draft`;

/** Characters per piece. Ours. */
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

function unusable(path: string, problem: string, cause: unknown): InvalidOptionsError {
  return new InvalidOptionsError([{ path: "stateFile", problem: `${path}: ${problem}. Move it away to start anew` }], {
    cause,
  });
}

import { readFile, rename, writeFile } from "node:fs/promises";
import { InvalidOptionsError } from "@cloud-messaging/core";
import { type EmulatorState, readState } from "./schemas.ts";

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
  const draft = `${path}.${process.pid}.draft`;
  await writeFile(draft, JSON.stringify(state), { mode: 0o600 });
  await rename(draft, path);
}

function unusable(path: string, problem: string, cause: unknown): InvalidOptionsError {
  return new InvalidOptionsError([{ path: "stateFile", problem: `${path}: ${problem}. Move it away to start anew` }], {
    cause,
  });
}

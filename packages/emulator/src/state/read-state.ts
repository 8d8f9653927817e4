import { InvalidOptionsError } from "@cloud-messaging/core";
import { readInput } from "@cloud-messaging/core/transport";
import { type EmulatorState, EmulatorStateSchema, STATE_VERSION } from "./schema.ts";

/** IDs and tokens have to be unique. */
function requireDistinct({ devices, groups }: EmulatorState): void {
  const seen = new Set<string>();
  const once = (path: string, kind: string, name: string): void => {
    const key = `${kind} ${name}`;
    if (seen.has(key)) throw new InvalidOptionsError([{ path, problem: `has the ${kind} ${name.slice(0, 50)} twice` }]);
    seen.add(key);
  };
  for (const { id, apps } of devices) {
    once("devices", "device", id);
    for (const app of apps) {
      once("devices", "app", app.id);
      for (const token of app.tokens) once("devices", "token", token);
      if (app.tokens.length > 0 && !app.tokens.includes(app.canonicalToken)) {
        throw new InvalidOptionsError([
          {
            path: "devices",
            problem: `the app ${app.id.slice(0, 50)} has a canonicalToken that is none of its tokens`,
          },
        ]);
      }
    }
  }
  for (const { keys } of groups) for (const key of keys) once("groups", "key", key);
}

/** @throws {InvalidOptionsError} The value is not a saved state; names the field. */
export function readState(value: unknown): EmulatorState {
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === "number" && version !== STATE_VERSION) {
    const whose =
      version > STATE_VERSION ? "a newer emulator: start that one" : "an older emulator, whose states cannot be read";
    throw new InvalidOptionsError([
      {
        path: "version",
        problem: `is ${version}, and this emulator reads ${STATE_VERSION}: it was written by ${whose}`,
      },
    ]);
  }
  const reading = readInput(EmulatorStateSchema, value, { name: "part of a state" });
  if ("problems" in reading) throw new InvalidOptionsError(reading.problems.slice(0, 5));
  const state = reading.value;
  let last = 0;
  for (const { id } of state.messages) {
    if (id <= last) throw new InvalidOptionsError([{ path: "messages", problem: "must have IDs that count up" }]);
    last = id;
  }
  if (state.total < last)
    throw new InvalidOptionsError([{ path: "total", problem: `must be at least ${last}, the last message's ID` }]);
  requireDistinct(state);
  return state;
}

import { readFile } from "node:fs/promises";
import { isJsonObject, shownPath } from "@cloud-messaging/core/transport";
import { UsageError } from "../exit-status.ts";

/**
 * Reads a text file that the command line names.
 *
 * @param from Name of the option or variable, for the error.
 * @throws {UsageError} it cannot be read.
 */
export async function readTextFile(path: string, from: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).replace(/^\uFEFF/, "");
  } catch (error) {
    throw unreadableFile(path, from, error);
  }
}

/** The error about a file that cannot be read. Does not repeat what may be a secret that was given in its place. */
export function unreadableFile(path: string, from: string, error: unknown): UsageError {
  const { code = "no reason given" } = error as NodeJS.ErrnoException;
  return new UsageError(`${from}: the file ${shownPath(path)} cannot be read (${code})`);
}

/**
 * Reads a JSON object of a file or of standard input (`-`).
 *
 * @throws {UsageError} it cannot be read, or is none. The text is not repeated.
 */
export async function readJsonObject(
  path: string,
  from: string,
  stdin: AsyncIterable<Uint8Array | string>,
): Promise<Record<string, unknown>> {
  const text = path === "-" ? await readAll(stdin) : await readTextFile(path, from);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError(`${from}: ${path === "-" ? "standard input" : path} is no JSON`);
  }
  if (isJsonObject(value)) return value;
  throw new UsageError(`${from}: ${path === "-" ? "standard input" : path} must hold a JSON object`);
}

async function readAll(stdin: AsyncIterable<Uint8Array | string>): Promise<string> {
  let text = "";
  for await (const line of linesOf(stdin)) text += `${line}\n`;
  return text;
}

/** Longest line that is read. Unit: characters. */
const MAX_LINE = 1_000_000;

/**
 * Reads the lines of a stream in bounded memory.
 *
 * @throws {UsageError} a line is too long.
 */
export async function* linesOf(stream: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  for await (const chunk of stream) {
    rest += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r?\n/);
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE) throw new UsageError(`A line has more than ${MAX_LINE} characters`);
    yield* lines;
  }
  if (rest !== "") yield rest;
}

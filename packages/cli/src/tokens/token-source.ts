import { createReadStream } from "node:fs";
import type { Context } from "../context.ts";
import { UsageError } from "../exit-status.ts";
import { file } from "../line/options.ts";
import { linesOf, unreadableFile } from "../service/files.ts";

/** The option that names a file of tokens. */
export const TOKENS_OPTION = {
  file: file("tokens, one per line or in the first column of a CSV file; - for standard input"),
};

/** Heading of the first column, as CSV files have it. */
const HEADING = /^"?(token|registration[ _]?token|registration[ _]?id)"?$/i;

/**
 * Reads tokens: those of the command line, then those of the file, in bounded memory.
 *
 * @throws {UsageError} there are none, or the file cannot be read.
 */
export async function* tokensOf(
  given: readonly string[],
  path: string | undefined,
  { stdin }: Pick<Context, "stdin">,
): AsyncGenerator<string, void, undefined> {
  if (given.length === 0 && path === undefined) throw new UsageError("Give tokens, or a file of them with --file");
  yield* given;
  if (path === undefined) return;
  try {
    let first = true;
    for await (const line of linesOf(path === "-" ? stdin : createReadStream(path))) {
      const cell = (line.split(/[,;\t]/, 1)[0] as string).trim();
      const token = cell.replace(/^"(.*)"$/, "$1");
      if (token !== "" && !(first && HEADING.test(cell))) yield token;
      first = false;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === undefined ? error : unreadableFile(path, "--file", error);
  }
}

/** Collects the tokens of a call that takes a list. */
export async function collected(source: AsyncIterable<string>): Promise<string[]> {
  const items: string[] = [];
  for await (const item of source) items.push(item);
  return items;
}

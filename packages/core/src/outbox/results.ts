import { InvalidOptionsError } from "../errors.ts";
import { RecentMap } from "../recent-map.ts";
import { type Clock, wait } from "../time/clock.ts";
import type { Codec } from "./codec.ts";
import type { OutboxEngine, StoredResult } from "./engine.ts";
import type { OutboxResult, ResultOptions } from "./outbox.ts";

/** Results read in one call. */
const PAGE = 50;
/** Wait between two looks for further results. Unit: milliseconds. */
const FOLLOW_MS = 250;
/** Chunks whose recipients are remembered while results are read, at the least. */
const REMEMBERED_CHUNKS = 16;
/** Recipients per chunk. */
export const CHUNK_SIZE = 1_000;

/** Parts of a reader of results. */
export interface ResultReader {
  readonly engine: Pick<OutboxEngine, "results" | "chunks">;
  readonly codec: Codec;
  readonly clock: Clock;
  /** @throws {ClosedError} the outbox was closed. */
  assertOpen(): void;
}

/** Cursor of the caller's: the stored result before, and the number of outcomes processed of the one after it. */
interface Position {
  readonly before: string | undefined;
  readonly within?: { readonly cursor: string; readonly done: number };
}

/**
 * Checks the cursor that results are asked for with. For engines, whose cursors are numbers of at most 16 digits.
 *
 * @throws {InvalidOptionsError} it is none.
 */
export function checkResultCursor(after: string): void {
  if (/^\d{1,16}$/.test(after)) return;
  throw new InvalidOptionsError([{ path: "after", problem: "must be the cursor of a result of this outbox" }]);
}

// no cursor of an engine's has a space
const SEPARATOR = " ";

function readCursor(after: string | undefined): Position {
  if (after === undefined) return { before: undefined };
  const [before, cursor, done] = after.split(SEPARATOR);
  if (cursor === undefined) return { before };
  return { before: before === "" ? undefined : before, within: { cursor, done: Number(done) } };
}

/** Reads results one outcome at a time, each with a cursor that goes on exactly behind it. */
export async function* readResults(
  { engine, codec, clock, assertOpen }: ResultReader,
  { id, after, failed, dead, follow, signal }: ResultOptions,
): AsyncGenerator<OutboxResult, void, undefined> {
  const names = new RecentMap<string, readonly string[]>(REMEMBERED_CHUNKS);
  async function namesOf({ submission, chunk }: StoredResult): Promise<readonly string[]> {
    const key = `${submission}:${chunk}`;
    let known = names.get(key);
    if (known === undefined) {
      const [stored] = await engine.chunks(submission, chunk, 1);
      known = stored?.chunk === chunk ? codec.readRecipients(stored.recipients, submission, chunk).names : [];
      names.set(key, known);
    }
    return known;
  }
  let { before, within } = readCursor(after);
  while (!signal?.aborted) {
    assertOpen();
    const page = await engine.results({ after: before, submission: id, failedOnly: failed || dead, limit: PAGE });
    for (const stored of page) {
      const settled = codec.readResult(stored.body, stored.submission, stored.chunk, await namesOf(stored));
      const done = within?.cursor === stored.cursor ? within.done : 0;
      within = undefined;
      for (const [index, { at, outcome, dead: cause }] of settled.entries()) {
        if (index < done || (failed && outcome.kind === "accepted") || (dead && cause === undefined)) continue;
        if (signal?.aborted) return;
        const isLast = index === settled.length - 1;
        yield {
          cursor: isLast ? stored.cursor : [before ?? "", stored.cursor, index + 1].join(SEPARATOR),
          id: stored.submission,
          position: stored.chunk * CHUNK_SIZE + at,
          outcome,
          ...(cause === undefined ? {} : { dead: cause }),
          at: stored.at,
        };
      }
      before = stored.cursor;
    }
    if (page.length > 0) continue;
    if (!follow || !(await wait(clock, FOLLOW_MS, signal))) return;
  }
}

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { redactToken } from "@cloud-messaging/core";
import type { Outbox, OutboxResult } from "@cloud-messaging/core/transport";
import { readKey } from "./store-message.ts";

/** Interval of writes of the cursor. Unit: milliseconds. */
const SAVE_EVERY_MS = 1000;

/** Parts of a log of results. */
export interface ResultLogOptions {
  readonly project: string;
  /** File of the cursor: a gateway that is started again goes on behind it. */
  readonly cursorFile: string;
  /** Writes a line. */
  readonly log: (fields: Readonly<Record<string, unknown>>, isAccepted: boolean) => void;
  readonly signal: AbortSignal;
}

/**
 * Logs each result of an outbox once, and after a crash perhaps the last ones again: `id` is in the line of the message's answer too. A CCS
 * message that was not accepted is named by client and `message_id`. Resolves when the signal has aborted.
 *
 * @throws the outbox's error, or the system's where the cursor cannot be written.
 */
export async function logResults(
  outbox: Outbox,
  { project, cursorFile, log, signal }: ResultLogOptions,
): Promise<void> {
  const after = readCursor(cursorFile);
  let cursor: string | undefined;
  const save = (): void => {
    if (cursor === undefined) return;
    writeFileSync(`${cursorFile}.new`, cursor);
    renameSync(`${cursorFile}.new`, cursorFile);
    cursor = undefined;
  };
  let saveFailure: { readonly error: unknown } | undefined;
  const timer = setInterval(() => {
    try {
      save();
    } catch (error) {
      saveFailure = { error };
    }
  }, SAVE_EVERY_MS);
  try {
    for await (const result of outbox.results({ follow: true, signal, ...(after === undefined ? {} : { after }) })) {
      if (saveFailure !== undefined) throw saveFailure.error;
      log({ project, ...(await describe(outbox, result)) }, result.outcome.kind === "accepted");
      cursor = result.cursor;
    }
  } finally {
    clearInterval(timer);
    save();
  }
}

async function describe(outbox: Outbox, { id, outcome, dead }: OutboxResult): Promise<Record<string, unknown>> {
  const { kind, attempts, unansweredCopies } = outcome;
  const common = { id: `0:${id}`, kind, attempts, ...(unansweredCopies === undefined ? {} : { unansweredCopies }) };
  if (outcome.kind === "accepted") return common;
  const key = (await outbox.progress(id))?.key;
  return {
    ...common,
    code: outcome.code,
    recipient: redactToken(outcome.recipient),
    ...(dead === undefined ? {} : { dead }),
    ...(key === undefined ? {} : readKey(key)),
  };
}

function readCursor(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8") || undefined;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw error;
  }
}

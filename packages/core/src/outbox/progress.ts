import type { Submission } from "./engine.ts";
import type { OutboxProgress } from "./outbox.ts";

/** Progress of a submission, from its counters. */
export function progressOf(submission: Submission): OutboxProgress {
  const { id, key, lane, state, sealed, recipients, pending, counts, pace, createdAt, finishedAt } = submission;
  const kinds: Record<string, number> = {};
  const codes: Record<string, number> = {};
  for (const [name, count] of Object.entries(counts)) {
    const [kind, code] = name.split(":") as [string, string?];
    kinds[kind] = (kinds[kind] ?? 0) + count;
    if (code !== undefined) codes[code] = (codes[code] ?? 0) + count;
  }
  return {
    id,
    ...(key === undefined ? {} : { key }),
    lane,
    state: finishedAt !== undefined && state !== "cancelled" ? "finished" : state,
    complete: sealed,
    recipients,
    pending,
    settled: recipients - pending,
    kinds,
    codes,
    ...(pace === undefined ? {} : { rate: pace }),
    createdAt,
    ...(finishedAt === undefined ? {} : { finishedAt }),
  };
}

import type {
  ClaimedChunk,
  Pace,
  StoredChunk,
  StoredResult,
  Submission,
  SubmissionState,
} from "@cloud-messaging/core/transport";
import type { Reply } from "./redis.ts";

/** Reads a list. */
export const listOf = (reply: Reply | undefined): readonly Reply[] => reply as readonly Reply[];
/** Reads a text. */
export const textOf = (reply: Reply | undefined): string => String(reply);
/** Reads a number, or a text that is one. */
export const numberOf = (reply: Reply | undefined): number => Number(reply);

/** Reads names and values that follow each other. */
export function fieldsOf(reply: Reply | undefined): Map<string, Reply> {
  const flat = listOf(reply);
  const fields = new Map<string, Reply>();
  for (let at = 0; at < flat.length; at += 2) fields.set(textOf(flat[at]), flat[at + 1] as Reply);
  return fields;
}

/** Reads a submission; `undefined` where the reply is empty. */
export function submissionOf(id: string, reply: Reply | undefined): Submission | undefined {
  const fields = fieldsOf(reply ?? []);
  if (fields.size === 0) return undefined;
  const optional = <T>(name: string, of: (reply: Reply) => T): T | undefined => {
    const value = fields.get(name);
    return value === undefined ? undefined : of(value);
  };
  const counts: Record<string, number> = {};
  for (const [name, value] of fields) if (name.startsWith("n:")) counts[name.slice(2)] = numberOf(value);
  return {
    id,
    key: optional("key", (key) => JSON.parse(textOf(key)) as string),
    lane: textOf(fields.get("lane")),
    body: fields.get("body") as Buffer,
    state: textOf(fields.get("state")) as SubmissionState,
    sealed: textOf(fields.get("sealed")) === "1",
    pace: optional("perMinute", (perMinute): Pace => {
      return { perMinute: numberOf(perMinute), rampMs: numberOf(fields.get("rampMs")) };
    }),
    createdAt: numberOf(fields.get("createdAt")),
    sendAt: optional("sendAt", numberOf),
    finishedAt: optional("finishedAt", numberOf),
    chunks: numberOf(fields.get("chunks")),
    recipients: numberOf(fields.get("recipients")),
    pending: numberOf(fields.get("pending")),
    counts,
  };
}

/** Reads a leased chunk. */
export function claimedOf(id: string, reply: Reply): ClaimedChunk {
  const [chunk, lease, size, pending, spread, state, recipients, record] = listOf(reply);
  return {
    chunk: numberOf(chunk),
    lease: textOf(lease),
    submission: submissionOf(id, record) as Submission,
    recipients: recipients as Buffer,
    size: numberOf(size),
    pending: numberOf(pending),
    spreadMs: textOf(spread) === "" ? undefined : numberOf(spread),
    state: state as Buffer,
  };
}

/** Reads a stored chunk. */
export function chunkOf(reply: Reply): StoredChunk {
  const [chunk, recipients, size] = listOf(reply);
  return { chunk: numberOf(chunk), recipients: recipients as Buffer, size: numberOf(size) };
}

/** Reads an entry of the stream of results. */
export function resultOf(reply: Reply): StoredResult {
  const [place, values] = listOf(reply);
  const fields = fieldsOf(values);
  return {
    cursor: textOf(place).replace(/-1$/, ""),
    submission: textOf(fields.get("s")),
    chunk: numberOf(fields.get("c")),
    at: numberOf(fields.get("a")),
    failed: numberOf(fields.get("f")),
    body: fields.get("b") as Buffer,
  };
}

import type { Claim, StoredChunk, StoredResult, Submission, SubmissionState } from "@cloud-messaging/core/transport";
import type { Row } from "@cloud-messaging/postgres";

/** The server's `meta` of a submission. */
interface Meta {
  readonly id: string;
  readonly key: string | null;
  readonly lane: string;
  readonly state: SubmissionState;
  readonly sealed: boolean;
  readonly perMinute: number | null;
  readonly rampMs: number | null;
  readonly createdAt: number;
  readonly sendAt: number | null;
  readonly finishedAt: number | null;
  readonly chunks: number;
  readonly recipients: number;
  readonly pending: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** Reads a submission: its `meta` and its body are columns from this one on. */
export function submissionOf(row: Row | undefined, first = 0): Submission | undefined {
  if (row === undefined) return undefined;
  const { key, perMinute, rampMs, sendAt, finishedAt, ...meta } = JSON.parse(row[first] as string) as Meta;
  return {
    ...meta,
    body: bytesOf(row[first + 1]),
    ...(key === null ? undefined : { key: JSON.parse(key) as string }),
    ...(perMinute === null ? undefined : { pace: { perMinute, rampMs: rampMs ?? 0 } }),
    ...(sendAt === null ? undefined : { sendAt }),
    ...(finishedAt === null ? undefined : { finishedAt }),
  };
}

/** Reads the answer to a claim: the last row has the time, and that until something else is due. */
export function claimOf(rows: readonly Row[]): Claim {
  const [now, , , , , next] = rows.at(-1) as Row;
  const chunks = rows.slice(0, -1).map((row) => {
    const [, chunk, lease, size, pending, spread, state, recipients] = row;
    return {
      chunk: Number(chunk),
      lease: lease as string,
      submission: submissionOf(row, 8) as Submission,
      recipients: bytesOf(recipients),
      size: Number(size),
      pending: Number(pending),
      ...(spread == null ? undefined : { spreadMs: Number(spread) }),
      state: bytesOf(state),
    };
  });
  return { now: Number(now), chunks, ...(next == null ? undefined : { nextInMs: Number(next) }) };
}

/** Reads a chunk. */
export function chunkOf([number, recipients, size]: Row): StoredChunk {
  return { chunk: Number(number), recipients: bytesOf(recipients), size: Number(size) };
}

/** Reads a result. */
export function resultOf([place, submission, number, at, body, failed]: Row): StoredResult {
  return {
    cursor: place as string,
    submission: submission as string,
    chunk: Number(number),
    at: Number(at),
    body: bytesOf(body),
    failed: Number(failed),
  };
}

/** Bytes as the server writes them: `\x` and hexadecimal digits. */
function bytesOf(text: string | null | undefined): Uint8Array {
  return Buffer.from((text as string).slice(2), "hex");
}

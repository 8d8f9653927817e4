import { createHash } from "node:crypto";
import type { Addition, ChunkUpdate, NewChunk, NewResult, NewSubmission } from "@cloud-messaging/core/transport";

/** Arguments of a script: JSON, then bytes, which the JSON names by their positions. */
export type Parameters = (string | Buffer)[];

/** Arguments of a script that takes no bytes. */
export function parameters(value: unknown): Parameters {
  return [JSON.stringify(value)];
}

/** Hash under which a key is looked up. */
export function hashOf(key: string): string {
  return createHash("sha256").update(JSON.stringify(key)).digest("base64url");
}

/** Bytes of a call. */
class Blobs {
  readonly #parts: Buffer[] = [];

  /** Position of the bytes among the arguments; the JSON is the first. */
  add(bytes: Uint8Array | string): number {
    this.#parts.push(typeof bytes === "string" ? Buffer.from(bytes) : asBuffer(bytes));
    return this.#parts.length + 1;
  }

  with(value: unknown): Parameters {
    return [JSON.stringify(value), ...this.#parts];
  }
}

/** Arguments of `submit`. */
export function submitParameters(submissions: readonly NewSubmission[]): Parameters {
  const blobs = new Blobs();
  const list = submissions.map(({ id, key, lane, body, sendAt, pace, chunks, sealed }) => ({
    id,
    // not a part of the JSON: it may have half of a surrogate pair
    key: key === undefined ? undefined : blobs.add(JSON.stringify(key)),
    keyHash: key === undefined ? undefined : hashOf(key),
    lane,
    body: blobs.add(body),
    sendAt,
    perMinute: pace?.perMinute,
    rampMs: pace?.rampMs,
    chunks: chunks.map((chunk) => chunkParameter(chunk, blobs)),
    seal: sealed,
  }));
  return blobs.with(list);
}

/** Arguments of `append`. */
export function appendParameters({ submission, after, chunks, seal }: Addition): Parameters {
  const blobs = new Blobs();
  return blobs.with({ submission, after, seal, chunks: chunks.map((chunk) => chunkParameter(chunk, blobs)) });
}

/** Arguments of `write`. */
export function writeParameters(updates: readonly ChunkUpdate[]): Parameters {
  const blobs = new Blobs();
  return blobs.with(
    updates.map(({ state, result, ...update }) => ({
      ...update,
      state: blobs.add(state),
      result: resultParameter(result, blobs),
    })),
  );
}

function chunkParameter({ recipients, size, pending, state, result }: NewChunk, blobs: Blobs) {
  return {
    recipients: blobs.add(recipients),
    size,
    pending,
    state: state === undefined ? undefined : blobs.add(state),
    result: resultParameter(result, blobs),
  };
}

function resultParameter(result: NewResult | undefined, blobs: Blobs) {
  return result === undefined ? undefined : { ...result, body: blobs.add(result.body) };
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

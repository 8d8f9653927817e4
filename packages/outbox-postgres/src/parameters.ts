import { createHash } from "node:crypto";
import type { Addition, ChunkUpdate, NewChunk, NewResult, NewSubmission } from "@cloud-messaging/core/transport";

/** Bytes of a call in one value; a part is named by its position, from 1, and its length. */
class Blobs {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  add(bytes: Uint8Array): readonly [position: number, length: number] {
    const position = this.#length + 1;
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return [position, bytes.length];
  }

  all(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Hash under which a key is looked up: an index cannot hold every key. */
export function hashOf(key: string): Buffer {
  return createHash("sha256").update(JSON.stringify(key)).digest();
}

/** Parameters of `submit`: in the order of the keys' hashes, each with its place in the call. */
export function submitParameters(submissions: readonly NewSubmission[]): unknown[] {
  const blobs = new Blobs();
  const rows = submissions.map(({ id, key, lane, body, sendAt, pace, chunks, sealed }, at) => ({
    at,
    id,
    key: key === undefined ? undefined : JSON.stringify(key),
    keyHash: key === undefined ? undefined : hashOf(key).toString("hex"),
    lane,
    body: blobs.add(body),
    sendAt,
    perMinute: pace?.perMinute,
    rampMs: pace?.rampMs,
    sealed,
    ...chunkParameters(chunks, blobs),
  }));
  // an ID that is given again follows its first one, whatever its key: the first is what is stored
  const places = new Map<string, string>();
  for (const { id, keyHash = "" } of rows) if (!places.has(id)) places.set(id, keyHash);
  const place = ({ id }: { readonly id: string }): string => places.get(id) ?? "";
  rows.sort((one, other) => (place(one) < place(other) ? -1 : place(one) > place(other) ? 1 : one.at - other.at));
  return [JSON.stringify(rows), blobs.all()];
}

/** Parameters of `append`. */
export function appendParameters({ submission, after, chunks, seal }: Addition): unknown[] {
  const blobs = new Blobs();
  return [JSON.stringify({ submission, after, seal, ...chunkParameters(chunks, blobs) }), blobs.all()];
}

/** Parameters of `write`. */
export function writeParameters(updates: readonly ChunkUpdate[]): unknown[] {
  const blobs = new Blobs();
  const rows = updates.map(({ state, result, ...update }) => ({
    ...update,
    state: blobs.add(state),
    result: resultParameter(result, blobs),
  }));
  return [JSON.stringify(rows), blobs.all()];
}

function chunkParameters(chunks: readonly NewChunk[], blobs: Blobs) {
  const counts: Record<string, number> = {};
  for (const { result } of chunks) {
    for (const [key, count] of Object.entries(result?.counts ?? {})) counts[key] = (counts[key] ?? 0) + count;
  }
  const sum = (of: "size" | "pending"): number => chunks.reduce((total, chunk) => total + chunk[of], 0);
  return {
    recipients: sum("size"),
    pending: sum("pending"),
    counts,
    chunks: chunks.map(({ recipients, size, pending, result, state }) => ({
      recipients: blobs.add(recipients),
      size,
      pending,
      state: state === undefined ? undefined : blobs.add(state),
      result: resultParameter(result, blobs),
    })),
  };
}

function resultParameter(result: NewResult | undefined, blobs: Blobs) {
  return result === undefined ? undefined : { ...result, body: blobs.add(result.body) };
}

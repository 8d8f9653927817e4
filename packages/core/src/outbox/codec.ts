import { OutboxStorageError } from "../errors.ts";
import type { DownstreamMessage, MessageContent } from "../message/downstream.ts";
import type { Target } from "../message/target.ts";
import type { RegistrationToken } from "../message/token.ts";
import type { TraceCarrier } from "../operations.ts";
import type { AcceptedOutcome, RecipientOutcome } from "../outcome/outcome.ts";
import type { DeadCause } from "../retry/disposition.ts";
import type { AmbiguousPolicy } from "../sending/downstream-transport.ts";
import type { NewResult } from "./engine.ts";
import type { Seal } from "./sealing.ts";

/** Body of a submission. */
export interface Payload {
  readonly content: MessageContent;
  /** Target of a message to one recipient; absent for tokens, which the chunks have. */
  readonly target?: Target | undefined;
  readonly ambiguous?: AmbiguousPolicy | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number | undefined;
  /** Trace context of the call that enqueued it, where a subscriber gave one. */
  readonly trace?: TraceCarrier | undefined;
}

/** Recipients of a chunk. */
export interface Recipients {
  readonly names: readonly string[];
  /** Changes of the content by position, where recipients differ. */
  readonly changes?: readonly (MessageContent | null)[] | undefined;
}

/** Final outcome of a recipient of a chunk, by its place in the chunk. */
export interface Settled {
  readonly at: number;
  readonly outcome: RecipientOutcome;
  readonly dead?: DeadCause | undefined;
}

/** Encodes and decodes what an outbox stores; versions are in each record. */
export interface Codec {
  body(payload: Payload, submission: string): Uint8Array;
  readBody(stored: Uint8Array, submission: string): Payload;
  recipients(recipients: Recipients, submission: string, chunk: number): Uint8Array;
  readRecipients(stored: Uint8Array, submission: string, chunk: number): Recipients;
  result(settled: readonly Settled[], submission: string, chunk: number): NewResult;
  readResult(stored: Uint8Array, submission: string, chunk: number, names: readonly string[]): readonly Settled[];
}

/** Version of the records; a reader refuses a later one. */
const VERSION = 1;

/** Creates the codec of an outbox. */
export function createCodec(seal: Seal): Codec {
  const encode = (value: object, name: string): Uint8Array => seal.close(Buffer.from(JSON.stringify(value)), name);
  function decode(stored: Uint8Array, name: string): object {
    const plain = seal.open(stored, name);
    let value: unknown;
    try {
      value = JSON.parse(Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength).toString());
    } catch (cause) {
      throw new OutboxStorageError("a record cannot be read: it was damaged", cause);
    }
    const version = (value as { readonly v?: unknown } | null)?.v;
    if (version === VERSION) return value as object;
    throw new OutboxStorageError(`a record has the version ${String(version)}, and this package reads ${VERSION}`);
  }
  // `decode` has checked the version; the fields of a record are as this codec has written them
  return {
    body: (payload, submission) => encode({ v: VERSION, ...payload }, `body:${submission}`),
    readBody: (stored, submission) => decode(stored, `body:${submission}`) as Payload,
    recipients: (recipients, submission, chunk) =>
      encode({ v: VERSION, ...recipients }, `recipients:${submission}:${chunk}`),
    readRecipients: (stored, submission, chunk) => decode(stored, `recipients:${submission}:${chunk}`) as Recipients,
    result(settled, submission, chunk) {
      const counts: Record<string, number> = {};
      let failed = 0;
      for (const { outcome } of settled) {
        const key = "code" in outcome ? `${outcome.kind}:${outcome.code}` : outcome.kind;
        counts[key] = (counts[key] ?? 0) + 1;
        if (outcome.kind !== "accepted") failed++;
      }
      return { body: encode({ v: VERSION, c: columnsOf(settled) }, `result:${submission}:${chunk}`), counts, failed };
    },
    readResult(stored, submission, chunk, names) {
      const { c } = decode(stored, `result:${submission}:${chunk}`) as { readonly c: readonly Column[] };
      return c.flatMap((column) => readColumn(column, names));
    },
  };
}

/** Outcomes written by column: a million plain acceptances of one attempt differ in place and message ID alone. */
interface Column {
  /** Attempts and time of the acceptances. */
  readonly n: number;
  readonly s?: number | undefined;
  /** Places of the acceptances. */
  readonly a: number[];
  /** Their message IDs. */
  readonly m: (string | null)[];
  /** Other outcomes, without the recipient. */
  readonly o: (readonly [number, object, DeadCause?])[];
}

function columnsOf(settled: readonly Settled[]): Column[] {
  const columns: Column[] = [];
  let column: Column | undefined;
  for (const { at, outcome, dead } of settled) {
    const { attempts: n, sentAt: s } = outcome;
    if (column === undefined || (isPlain(outcome) && (column.n !== n || column.s !== s))) {
      column = { n, s, a: [], m: [], o: [] };
      columns.push(column);
    }
    if (isPlain(outcome)) {
      column.a.push(at);
      column.m.push(outcome.messageId ?? null);
    } else {
      const { recipient: _, ...rest } = outcome;
      column.o.push(dead === undefined ? [at, rest] : [at, rest, dead]);
    }
  }
  return columns;
}

const PLAIN = new Set(["kind", "recipient", "attempts", "sentAt", "messageId"]);

function isPlain(outcome: RecipientOutcome): outcome is AcceptedOutcome {
  if (outcome.kind !== "accepted") return false;
  for (const name in outcome) if (!PLAIN.has(name)) return false;
  return true;
}

function readColumn({ n, s, a, m, o }: Column, names: readonly string[]): Settled[] {
  const accepted = a.map((at, index): Settled => {
    const messageId = m[index];
    return {
      at,
      outcome: {
        kind: "accepted",
        recipient: names[at] ?? "",
        attempts: n,
        ...(s === undefined ? {} : { sentAt: s }),
        ...(messageId == null ? {} : { messageId }),
      },
    };
  });
  const others = o.map(([at, rest, dead]): Settled => {
    const outcome = { ...rest, recipient: names[at] ?? "" } as RecipientOutcome;
    return { at, outcome, dead };
  });
  return [...accepted, ...others];
}

/** The message to these recipients of a chunk. */
export function messageTo({ content, target }: Payload, names: readonly string[]): DownstreamMessage {
  return { ...content, target: target ?? { tokens: names as readonly RegistrationToken[] } };
}

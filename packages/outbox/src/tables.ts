import type { Pace, SubmissionState } from "@cloud-messaging/core/transport";
import type { Environment, Table } from "@cloud-messaging/lmdb";

/** Version of the layout below. A folder with another one is refused. */
export const FORMAT = 1;

/** A submission, without its body. */
export interface SubmissionRow {
  key?: string | undefined;
  lane: string;
  state: SubmissionState;
  sealed: boolean;
  pace?: Pace | undefined;
  /** Position in the pace: first claim, and next one. */
  reached?: { startedAt: number; nextAt: number } | undefined;
  createdAt: number;
  sendAt?: number | undefined;
  finishedAt?: number | undefined;
  chunks: number;
  recipients: number;
  pending: number;
  counts: Record<string, number>;
  /** Its place in `lanes`. */
  laneAt?: number | undefined;
}

/** A chunk, without its recipients. */
export interface ChunkRow {
  size: number;
  pending: number;
  state: Uint8Array;
  dueAt: number;
  /** True while it is in `due`; it is in `leases` otherwise, and in neither when it is finished. */
  waits: boolean;
  lease?: { id: string; until: number; revision: number } | undefined;
}

/** A result. */
export interface ResultRow {
  submission: string;
  chunk: number;
  at: number;
  failed: number;
  body: Uint8Array;
}

/** Tables of an outbox. Instants are milliseconds since the epoch, but those of `leases`: milliseconds since the boot. */
export interface Tables {
  /** `format`, `boot`, `sequence`. */
  readonly meta: Table<unknown, string>;
  readonly submissions: Table<SubmissionRow, string>;
  readonly bodies: Table<Uint8Array, string>;
  /** ID by the hash of a key. */
  readonly keys: Table<string, string>;
  readonly chunks: Table<ChunkRow, [id: string, chunk: number]>;
  readonly recipients: Table<Uint8Array, [id: string, chunk: number]>;
  /** Chunks that wait, of each submission, by the time at which they are due. */
  readonly due: Table<null, [id: string, dueAt: number, chunk: number]>;
  /** Submissions with chunks that wait and may be handed out, of each lane, by the time of the first. */
  readonly lanes: Table<null, [lane: string, at: number, id: string]>;
  readonly leases: Table<null, [until: number, id: string, chunk: number]>;
  readonly results: Table<ResultRow, number>;
  /** Number of failures by submission and result. */
  readonly resultsOf: Table<number, [id: string, sequence: number]>;
  readonly finished: Table<null, [at: number, id: string]>;
  /** Unsettled recipients by lane. */
  readonly backlog: Table<number, string>;
}

/** Opens the tables. For `begin`. */
export function openTables(environment: Environment): Tables {
  const binary = { encoding: "binary" } as const;
  return {
    meta: environment.table("meta"),
    submissions: environment.table("submissions"),
    bodies: environment.table("bodies", binary),
    keys: environment.table("keys"),
    chunks: environment.table("chunks"),
    recipients: environment.table("recipients", binary),
    due: environment.table("due"),
    lanes: environment.table("lanes"),
    leases: environment.table("leases"),
    results: environment.table("results"),
    resultsOf: environment.table("results-of"),
    finished: environment.table("finished"),
    backlog: environment.table("backlog"),
  };
}

/**
 * Storage of an outbox: submissions, their chunks of recipients, leases, results. An engine stores and hands out work; it decides nothing
 * about a message. Outcomes, retries, times to live, lanes' shares, encryption and pacing inside a chunk belong to `createOutbox`.
 *
 * Every call is atomic: all of it is stored, or nothing. Every call that writes resolves when it is durable: it survives the end of this
 * process, of the engine's server and of the machine, as far as the engine's documentation says so. Calls may come concurrently, from any
 * number of processes.
 *
 * Time is the engine's own: the clock of its server, or of the one machine it runs on. Instants (`…At`) are milliseconds since the epoch on
 * that clock; the clock of a worker is never compared with it.
 *
 * Bytes (`Uint8Array`) are opaque: an engine stores and returns them unchanged. They may be encrypted.
 *
 * @typeParam Client Handle of a transaction of the caller's, for an engine inside the caller's own database; `never` for others.
 */
export interface OutboxEngine<Client = never> extends AsyncDisposable {
  /** For events and errors: `embedded`, `postgres`, `bullmq`. */
  readonly name: string;
  /**
   * Stores submissions with their first chunks, numbered from 0. A submission whose `key` is taken stores nothing and gives the one that has
   * the key; the same holds for the second of two with one key in one call, and for a key taken by another process meanwhile. A submission
   * whose `id` is stored already stores nothing and counts as created, so that a call whose answer was lost can be made again.
   *
   * @param client Transaction to write in. The call is then durable when the caller has committed, and undone by a rollback.
   * @returns One for each, by position.
   */
  submit(submissions: readonly NewSubmission[], client?: Client): Promise<readonly Submitted[]>;
  /**
   * Adds chunks to a submission that is not sealed. Compare-and-append: stores nothing unless the submission has exactly `after` chunks, is
   * not sealed and is not cancelled. The chunks are numbered from `after`. Two processes that complete one campaign cannot store a
   * chunk twice.
   */
  append(addition: Addition, client?: Client): Promise<Appended>;
  /**
   * Leases due chunks. A chunk is due when its `dueAt` has come, no lease on it is live, and its submission is not paused nor held back by its
   * pace. Takes chunks of the first lane of `lanes`, the earliest due first, then of the second, until it has `limit` or nothing
   * is due. Chunks of a cancelled submission are handed out as well, paused or paced or not: their recipients have to be settled.
   *
   * With `submission`, leases any chunk of that submission without a live lease, whatever its lane, due time, pause and pace.
   */
  claim(request: ClaimRequest): Promise<Claim>;
  /**
   * Writes the state of leased chunks: sending marks, outcomes, next due times, the end of the lease. An update whose lease is no longer the
   * chunk's (it expired and the chunk was claimed again, or the chunk is finished) changes nothing and gives `lost`; the others are
   * written all the same. A lease that has expired and that nobody has taken since still counts as the chunk's. An update whose
   * `revision` is not above the last one written under this lease was written already: it changes nothing and gives the status, so that a
   * call whose answer was lost can be made again.
   *
   * @returns One for each, by position.
   */
  write(updates: readonly ChunkUpdate[]): Promise<readonly LeaseStatus[]>;
  /** Renews leases: each ends `leaseMs` from now. Statuses as for `write`. */
  renew(leases: readonly LeaseRef[], leaseMs: number): Promise<readonly LeaseStatus[]>;
  /**
   * Changes the state or the pace of a submission. `cancelled` is final and seals the submission: a change after it changes nothing. A
   * finished submission is not changed either.
   *
   * @returns The submission after the change; `undefined` if there is none of this ID.
   */
  control(submission: string, change: SubmissionChange): Promise<Submission | undefined>;
  /**
   * Reads a submission.
   *
   * @param client Transaction to read in.
   */
  find(by: { readonly id: string } | { readonly key: string }, client?: Client): Promise<Submission | undefined>;
  /** Reads the recipients of a submission's chunks with numbers from `from` on, finished ones included, in order of their numbers. */
  chunks(submission: string, from: number, limit: number): Promise<readonly StoredChunk[]>;
  /**
   * Reads results in the order of their cursors, from the first after `after`. A result that becomes visible has a cursor after every one
   * that was readable before it: a reader that goes on from the last cursor it was given misses none, however late a
   * transaction commits.
   */
  results(query: ResultQuery): Promise<readonly StoredResult[]>;
  /** Counts the recipients that are not settled, and finds the earliest work of each lane. */
  backlog(): Promise<Backlog>;
  /**
   * Removes submissions that were finished more than `olderThanMs` ago, with their keys, chunks and results: at most `limit`.
   *
   * @returns Number removed.
   */
  prune(olderThanMs: number, limit: number): Promise<number>;
  /**
   * Calls the listener when work may have become due (a notification of the engine's server, say). An optimisation: workers poll as well.
   *
   * @returns Function that unsubscribes.
   */
  onWork?(listener: () => void): () => void;
  /** Ends what this engine has opened, and nothing that it was given. Leases stay. Every call returns the same promise. */
  close(): Promise<void>;
}

/** One call of `enqueue` or `enqueueAll`: a payload stored once, and chunks of recipients. */
export interface NewSubmission {
  /** Unique; sorts by time. 1 to 64 of the characters A-Z a-z 0-9 - _ */
  readonly id: string;
  /** Key of the caller's that makes it exactly once. 1 to 512 characters, any. */
  readonly key?: string | undefined;
  /** 1 to 64 of the characters a-z 0-9 - _ */
  readonly lane: string;
  /** Payload and options. */
  readonly body: Uint8Array;
  /** Instant at which its chunks are due; a date of the caller's, compared with the engine's clock. Default: at once. */
  readonly sendAt?: number | undefined;
  readonly pace?: Pace | undefined;
  readonly chunks: readonly NewChunk[];
  /** True if no chunk is going to be added. */
  readonly sealed: boolean;
}

/** Maximum rate of a submission, over all workers. */
export interface Pace {
  /** Unit: recipients per minute. Above 0. */
  readonly perMinute: number;
  /** Time over which the rate rises evenly from 0 to `perMinute`, from the first claim. Unit: milliseconds; 0 for none. */
  readonly rampMs: number;
}

/** Recipients that are stored and leased together: at most 1000. */
export interface NewChunk {
  readonly recipients: Uint8Array;
  /** Number of recipients. */
  readonly size: number;
  /** Number of them that are not settled: less than `size` where some were refused at once. A chunk of 0 is stored finished. */
  readonly pending: number;
  /** Outcomes of those that were refused at once. */
  readonly result?: NewResult | undefined;
  /** First state. Default: empty. */
  readonly state?: Uint8Array | undefined;
}

/** Answer to a submission. */
export interface Submitted {
  /** ID of the stored one: that of the earlier one where the key was taken. */
  readonly id: string;
  /** False where the key was taken. */
  readonly created: boolean;
}

/** Chunks to add to a submission. */
export interface Addition {
  readonly submission: string;
  /** Number of chunks that the submission has to have. */
  readonly after: number;
  readonly chunks: readonly NewChunk[];
  /** True if no further chunk is going to be added. A submission that has no unsettled recipient is then finished. */
  readonly seal: boolean;
}

/** Answer to an addition: the submission after it. `stored` is false where the comparison failed; `undefined` submission where there is none. */
export interface Appended {
  readonly stored: boolean;
  readonly submission: Submission | undefined;
}

/** State of a submission. `paused`: no chunk is handed out. `cancelled`: final; what is not written yet is not sent any more. */
export type SubmissionState = "running" | "paused" | "cancelled";

/** Change of a submission: what is absent stays. */
export interface SubmissionChange {
  readonly state?: SubmissionState | undefined;
  /** `null`: no limit. A new pace begins its ramp anew. */
  readonly pace?: Pace | null | undefined;
}

/** A stored submission with its counters: `recipients` = `pending` + the sum of `counts`, always. */
export interface Submission {
  readonly id: string;
  readonly key?: string | undefined;
  readonly lane: string;
  readonly body: Uint8Array;
  readonly state: SubmissionState;
  readonly sealed: boolean;
  readonly pace?: Pace | undefined;
  readonly createdAt: number;
  readonly sendAt?: number | undefined;
  /** Instant at which it was sealed and had no unsettled recipient, whichever came last. */
  readonly finishedAt?: number | undefined;
  /** Number of chunks stored. */
  readonly chunks: number;
  /** Number of recipients stored. */
  readonly recipients: number;
  /** Number of them that are not settled. */
  readonly pending: number;
  /** Number of settled recipients by the keys of `NewResult.counts`. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Request for work. */
export interface ClaimRequest {
  /** In order of preference. */
  readonly lanes: readonly string[];
  /** Maximum number of chunks. 1 or more. */
  readonly limit: number;
  /** Unit: milliseconds. */
  readonly leaseMs: number;
  /** Only chunks of this submission. */
  readonly submission?: string | undefined;
}

/** Answer to a request for work. */
export interface Claim {
  /** The engine's clock at the claim. */
  readonly now: number;
  readonly chunks: readonly ClaimedChunk[];
  /** Time until the next chunk of these lanes may be due, as far as the engine knows it cheaply. Unit: milliseconds. */
  readonly nextInMs?: number | undefined;
}

/** Names a lease. `lease` is different at every claim. */
export interface LeaseRef {
  readonly submission: string;
  /** Number of the chunk. */
  readonly chunk: number;
  readonly lease: string;
}

/** A leased chunk: everything that is needed to send it. */
export interface ClaimedChunk {
  /** Number of the chunk. */
  readonly chunk: number;
  readonly lease: string;
  /** The submission as it stood at the claim. */
  readonly submission: Submission;
  readonly recipients: Uint8Array;
  readonly size: number;
  readonly pending: number;
  /** Time over which its recipients are to be spread, where the submission has a pace. Unit: milliseconds. */
  readonly spreadMs?: number | undefined;
  /** As last written; empty if never. It survives the end of the worker that wrote it. */
  readonly state: Uint8Array;
}

/** Update of a leased chunk. */
export interface ChunkUpdate extends LeaseRef {
  /** Counts the updates of one lease, from 1. */
  readonly revision: number;
  /** Replaces the state. */
  readonly state: Uint8Array;
  /** Number of recipients that are not settled. 0: the chunk is finished, its lease ends, and it is never handed out again. */
  readonly pending: number;
  /** Outcomes since the last write. Stored, counted and visible in the results together with the state. */
  readonly result?: NewResult | undefined;
  /**
   * Ends the lease: the chunk is due again after this time. Absent: the lease stays as it is, with its end. Unit: milliseconds;
   * 0: at once, at the chunk's former place.
   */
  readonly releaseAfterMs?: number | undefined;
}

/** State of the chunk's submission, where the lease is the chunk's; `lost` where it is not. */
export type LeaseStatus = SubmissionState | "lost";

/** Outcomes of some recipients of a chunk. */
export interface NewResult {
  readonly body: Uint8Array;
  /** Number of recipients by kind and code: `accepted`, `rejected:invalid-argument`. */
  readonly counts: Readonly<Record<string, number>>;
  /** Number of recipients whose outcome is not `accepted`. */
  readonly failed: number;
}

/** A stored chunk. */
export interface StoredChunk {
  readonly chunk: number;
  readonly recipients: Uint8Array;
  readonly size: number;
}

/** Request for results. */
export interface ResultQuery {
  /** Cursor of the last result that was read. Default: from the first. */
  readonly after?: string | undefined;
  /** Only results of this submission. */
  readonly submission?: string | undefined;
  /** Only results with `failed` above 0. */
  readonly failedOnly?: boolean | undefined;
  /** Maximum number. */
  readonly limit: number;
}

/** A stored result. */
export interface StoredResult {
  /** Place in the order of results. Opaque; 1 to 64 printable ASCII characters. */
  readonly cursor: string;
  readonly submission: string;
  readonly chunk: number;
  /** Instant at which it was written. */
  readonly at: number;
  readonly body: Uint8Array;
  readonly failed: number;
}

/** Work that is stored. */
export interface Backlog {
  /** Number of recipients that are not settled. */
  readonly recipients: number;
  /** The same by lane; lanes without any may be absent. */
  readonly lanes: Readonly<Record<string, number>>;
  /**
   * Time since the earliest chunk that a claim would be given now was due, by lane: since the submission's pace allowed it, where that was
   * later. Lanes in which nothing is due are absent. Absent for an engine that cannot tell it without reading its queues. Unit: milliseconds.
   */
  readonly oldestDueMs?: Readonly<Record<string, number>>;
}

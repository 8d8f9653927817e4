import { ClosedError, InvalidMessageError, InvalidOptionsError } from "../errors.ts";
import { publish } from "../events.ts";
import { addHealthSource } from "../health.ts";
import { type DownstreamMessage, parseMessageContent } from "../message/downstream.ts";
import type { RegistrationToken } from "../message/token.ts";
import type { TraceCarrier } from "../operations.ts";
import { describeError } from "../outcome/describe-error.ts";
import { createMemoryRegistrationStore } from "../registrations/memory-registration-store.ts";
import { withRegistrations } from "../registrations/with-registrations.ts";
import { resolvePolicy } from "../retry/retry-policy.ts";
import { defaultAmbiguousPolicy } from "../retry/with-retry.ts";
import { readAddressedMessage, recipientsGiven } from "../sending/addressed-message.ts";
import { createMessageIds } from "../sending/message-id.ts";
import { ownMessageIdForMany } from "../sending/user-message.ts";
import { systemClock } from "../time/clock.ts";
import { CampaignWriter } from "./campaign.ts";
import { ChunkJob, type JobParts } from "./chunk-job.ts";
import { createCodec, type Payload } from "./codec.ts";
import type { NewChunk, SubmissionChange } from "./engine.ts";
import { checkAudience, chunksOf, encodeChunk } from "./members.ts";
import {
  checkEnqueueAllOptions,
  checkEnqueueOptions,
  checkId,
  checkLanes,
  checkOutboxOptions,
  checkRate,
  checkReference,
  checkReplayOptions,
  checkResultOptions,
  checkWorkOptions,
} from "./options.ts";
import type {
  CampaignRecipient,
  CreateOutboxOptions,
  EnqueueAllOptions,
  Enqueued,
  Outbox,
  OutboxProgress,
  OutboxResult,
  Rate,
  ReplayOptions,
} from "./outbox.ts";
import { OutboxHealthCheck } from "./outbox-health.ts";
import { paceOf } from "./pace.ts";
import { progressOf } from "./progress.ts";
import { readResults } from "./results.ts";
import { createSeal } from "./sealing.ts";
import { Submitter } from "./submitter.ts";
import { type Stored, tracedEnqueue } from "./traced-outbox.ts";
import { DEFAULT_LEASE_MS, Workers } from "./workers.ts";

const DEFAULT_LANES = { urgent: 8, normal: 4, bulk: 1 };
const DEFAULT_MAX_BACKLOG = 10_000_000;
const DEFAULT_RETAIN_MS = 7 * 86_400_000;
/** A queue is patient: its waits cost nobody anything. */
const PATIENCE = { maxMs: 600_000, maxAttempts: Number.POSITIVE_INFINITY, totalMs: 86_400_000 };
const PRUNED_AT_ONCE = 100;
const SWEPT_AT_ONCE = 16;

/** Place and time of what is stored. */
interface Settings<Client> {
  readonly lane: string;
  readonly key?: string | undefined;
  readonly sendAt?: Date | number | undefined;
  readonly client?: Client | undefined;
  readonly rate?: Rate | undefined;
}

/**
 * Creates an outbox over an engine. `withRegistrations` is added to the transport, which makes one attempt per call; every further one is
 * the outbox's.
 *
 * @throws {InvalidOptionsError} an option is wrong, or the transport has retries.
 *
 * @example
 * ```ts
 * import { createMemoryOutboxEngine, createOutbox, type DownstreamTransport } from "@cloud-messaging/core/transport";
 *
 * declare const transport: DownstreamTransport;
 * await using outbox = createOutbox({ engine: createMemoryOutboxEngine(), transport });
 * await outbox.enqueue({ target: { token: "of-a-device" }, data: { score: "3:1" } }, { key: "match-17" });
 * await outbox.work({ untilIdle: true });
 * for await (const { outcome } of outbox.results()) console.log(outcome.kind);
 * ```
 */
export function createOutbox<Client = never>(options: CreateOutboxOptions<Client>): Outbox<Client> {
  checkOutboxOptions(options);
  const { engine, transport: bare, clock = systemClock, random = Math.random } = options;
  const { lanes = DEFAULT_LANES, maxBacklog = DEFAULT_MAX_BACKLOG, retainMs = DEFAULT_RETAIN_MS } = options;
  const store = options.registrations ?? createMemoryRegistrationStore({ clock });
  const transport = bare === undefined ? undefined : withRegistrations(bare, store, { clock });
  const policy =
    transport === undefined ? undefined : resolvePolicy(transport.retryPolicy, { ...PATIENCE, ...options.retry });
  const codec = createCodec(createSeal(options.encryption));
  const submitter = new Submitter(engine, clock, maxBacklog);
  const nextSuffix = createMessageIds(random);
  const newId = (): string => `${clock.now().toString(36).padStart(9, "0")}-${nextSuffix()}`;
  const check = (message: DownstreamMessage): void => transport?.check?.(message);
  const state = new OutboxHealthCheck({ engine, clock, maxBacklog, isClosed: () => closing !== undefined });
  const forgetHealth = addHealthSource(state);
  let closing: Promise<void> | undefined;

  const jobParts = (settlesAmbiguous: boolean): JobParts => ({
    codec,
    clock,
    rules: { policy: policy ?? NO_POLICY, settlesAmbiguous, random },
    resends: ({ ambiguous = options.ambiguous, target }) =>
      (ambiguous ?? (target === undefined ? "resend" : defaultAmbiguousPolicy(target))) === "resend",
  });

  const workers = new Workers({
    engine,
    transport,
    clock,
    lanes,
    jobParts,
    prune: () => outbox.prune(),
    onFailure: failed,
  });

  function assertOpen(): void {
    if (closing !== undefined) throw new ClosedError("The outbox");
  }

  /** Stores a message or campaign under a new ID, and wakes the workers. */
  async function enqueued(
    lane: string,
    store: (id: string, trace: () => TraceCarrier | undefined) => Promise<Stored>,
  ): Promise<Enqueued> {
    const sendId = newId();
    const stored = await tracedEnqueue({ engine: engine.name, sendId, lane }, (trace) => store(sendId, trace));
    publish("cloud-messaging:outbox-enqueue", () => ({ engine: engine.name, ...stored }));
    workers.wake();
    const { id, created } = stored;
    return { id, created };
  }

  async function submit(
    payload: Payload,
    { lane, key, sendAt, client, rate }: Settings<Client>,
    contents: { readonly id: string; readonly chunks: readonly NewChunk[]; readonly sealed: boolean },
  ): Promise<Enqueued> {
    return submitter.submit(
      {
        // field by field: a spread would take half of the time of an enqueue
        id: contents.id,
        chunks: contents.chunks,
        sealed: contents.sealed,
        key,
        lane,
        body: codec.body(payload, contents.id),
        sendAt: sendAt === undefined ? undefined : Number(sendAt),
        pace: rate === undefined ? undefined : paceOf(rate),
      },
      client,
    );
  }

  /** Stores a campaign: the payload first, then what `write` adds; completes one that was interrupted. */
  function campaign(
    payload: Payload,
    settings: Settings<Client>,
    signal: AbortSignal | undefined,
    write: (writer: CampaignWriter<Client>) => Promise<void>,
  ): Promise<Enqueued> {
    return enqueued(settings.lane, async (newId, trace) => {
      const contents = { id: newId, chunks: [], sealed: false };
      const submitted = await submit({ ...payload, trace: trace() }, settings, contents);
      const { id, created } = submitted;
      const { client } = settings;
      const begun = created ? { id, chunks: 0 } : await engine.find({ id }, client);
      if (begun === undefined || ("sealed" in begun && begun.sealed)) return { ...submitted, recipients: 0 };
      const reserve = (recipients: number): Promise<void> =>
        submitter.reserve(recipients, client).then(() => workers.wake());
      const writer = new CampaignWriter(begun, { engine, codec, client, signal, reserve });
      await write(writer);
      return { ...submitted, recipients: writer.added };
    });
  }

  async function change(id: string, to: SubmissionChange): Promise<OutboxProgress | undefined> {
    checkId(id);
    assertOpen();
    const submission = await engine.control(id, to);
    workers.wake();
    return submission && progressOf(submission);
  }

  /** Settles the recipients of a cancelled submission that no worker holds, also those that are not due yet. */
  async function sweep(id: string): Promise<void> {
    for (;;) {
      const claimedAt = clock.monotonic();
      const { chunks, now } = await engine.claim({
        lanes: [],
        limit: SWEPT_AT_ONCE,
        leaseMs: DEFAULT_LEASE_MS,
        submission: id,
      });
      if (chunks.length === 0) return;
      const parts = jobParts(false);
      await engine.write(chunks.map((chunk) => new ChunkJob(chunk, now, claimedAt, parts).update(true).update));
    }
  }

  function failed(operation: string, error: unknown): void {
    state.failed(operation, error);
    publish("cloud-messaging:outbox-failure", () => ({
      engine: engine.name,
      operation,
      detail: describeError(error),
    }));
  }

  const outbox: Outbox<Client> = {
    async enqueue(input, settings = {}) {
      checkEnqueueOptions(settings);
      assertOpen();
      const { key, sendAt, expiresAt, lane = "normal", ambiguous, client } = settings;
      checkLanes("lane", [lane], lanes);
      const addressed = readAddressedMessage(input);
      const { message } = addressed;
      check(message);
      const { target, ...content } = message;
      const many = "tokens" in target;
      if (many && target.tokens.length === 0 && addressed.refused === undefined) {
        throw new InvalidMessageError([{ path: "target.tokens", problem: "must not be empty" }]);
      }
      return enqueued(lane, async (id, trace) => {
        const chunks = chunksOf(addressed).map((members, chunk) => encodeChunk(members, id, chunk, codec));
        await submitter.reserve(
          chunks.reduce((sum, { pending }) => sum + pending, 0),
          client,
        );
        const payload: Payload = {
          content,
          target: many ? undefined : target,
          ambiguous,
          expiresAt: expiresAt === undefined ? undefined : Number(expiresAt),
          trace: trace(),
        };
        const submitted = await submit(payload, { lane, key, sendAt, client }, { id, chunks, sealed: true });
        return { ...submitted, recipients: recipientsGiven(addressed).length };
      });
    },

    async enqueueAll<R extends CampaignRecipient = string>(
      input: Parameters<Outbox["enqueueAll"]>[0],
      audience: Iterable<R> | AsyncIterable<R>,
      settings: EnqueueAllOptions<R, Client> = {},
    ) {
      checkEnqueueAllOptions(settings);
      assertOpen();
      checkAudience(audience);
      const content = parseMessageContent(input);
      if (content.messageId !== undefined) throw ownMessageIdForMany("any number of");
      check({ ...content, target: { tokens: ["placeholder" as RegistrationToken] } });
      const { ambiguous, expiresAt, personalize, signal, lane = "bulk", ...rest } = settings;
      checkLanes("lane", [lane], lanes);
      const payload = { content, ambiguous, expiresAt: expiresAt === undefined ? undefined : Number(expiresAt) };
      return campaign(payload, { ...rest, lane }, signal, (writer) =>
        writer.run(audience, { content, personalize, check }),
      );
    },

    work(settings = {}) {
      try {
        checkWorkOptions(settings);
        assertOpen();
        return workers.run(settings);
      } catch (error) {
        return Promise.reject(error);
      }
    },

    async progress(by) {
      checkReference(by);
      assertOpen();
      const submission = await engine.find(typeof by === "string" ? { id: by } : { key: by.key });
      return submission && progressOf(submission);
    },
    async cancel(id) {
      const changed = await change(id, { state: "cancelled" });
      if (changed === undefined) return undefined;
      if (changed.state === "cancelled") await sweep(id);
      const submission = await engine.find({ id });
      return submission && progressOf(submission);
    },
    pause: (id) => change(id, { state: "paused" }),
    resume: (id) => change(id, { state: "running" }),
    async setRate(id, rate) {
      if (rate !== null) checkRate(rate);
      return change(id, { pace: rate === null ? null : paceOf(rate) });
    },

    results(settings = {}) {
      checkResultOptions(settings);
      assertOpen();
      return readResults({ engine, codec, clock, assertOpen }, settings);
    },
    async replay(id, settings: ReplayOptions = {}) {
      checkId(id);
      checkReplayOptions(settings);
      assertOpen();
      const submission = await engine.find({ id });
      if (submission === undefined) {
        throw new InvalidOptionsError([{ path: "id", problem: "is the ID of no message or campaign that is kept" }]);
      }
      const { select = isDead, expiresAt, lane = submission.lane, ...rest } = settings;
      // the campaign's own may be one that only its workers know
      if (settings.lane !== undefined) checkLanes("lane", [lane], lanes);
      const payload = codec.readBody(submission.body, id);
      const again: Payload = { ...payload, expiresAt: expiresAt === undefined ? undefined : Number(expiresAt) };
      return campaign(again, { ...rest, lane }, undefined, (writer) =>
        writer.replay(readResults({ engine, codec, clock, assertOpen }, { id, failed: true }), select),
      );
    },
    async backlog() {
      assertOpen();
      return engine.backlog();
    },
    health: () => state.health(),
    async prune() {
      assertOpen();
      let removed = 0;
      for (let more = PRUNED_AT_ONCE; more === PRUNED_AT_ONCE; removed += more) {
        more = await engine.prune(retainMs, PRUNED_AT_ONCE);
      }
      return removed;
    },
    close() {
      closing ??= (async () => {
        forgetHealth();
        await workers.stop();
        await transport?.close();
        await engine.close();
      })();
      return closing;
    },
    [Symbol.asyncDispose]: () => outbox.close(),
  };
  return outbox;
}

/** Rules of a process without a transport, which sends nothing. */
const NO_POLICY = { minMs: 0, initialMs: 0, rateLimitedMinMs: 0, maxResends: 1, ...PATIENCE };

function isDead({ dead }: OutboxResult): boolean {
  return dead !== undefined;
}

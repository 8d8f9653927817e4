import { isCloudMessagingError } from "../errors.ts";
import type { DownstreamMessage, MessageContent } from "../message/downstream.ts";
import { MAX_TIME_TO_LIVE_SEC } from "../message/time-to-live.ts";
import type { ClaimOperation } from "../operations.ts";
import { describeError } from "../outcome/describe-error.ts";
import type { ErrorCode } from "../outcome/error-code.ts";
import { failureOutcome, type RecipientOutcome } from "../outcome/outcome.ts";
import { NOW_MS } from "../retry/lifetime.ts";
import type { AttemptOptions, DownstreamTransport } from "../sending/downstream-transport.ts";
import { merged } from "../sending/merged.ts";
import { tracedAttempt } from "../sending/traced-send.ts";
import { plusMs } from "../time/monotonic.ts";
import type { ChunkJob, JobParts, Slice } from "./chunk-job.ts";
import { messageTo } from "./codec.ts";

/** Parts of an attempt that all attempts of a worker share. */
export interface AttemptParts extends JobParts {
  /** With the registration store, without retries. */
  readonly transport: DownstreamTransport;
  /** Time limit of one attempt. Unit: milliseconds. */
  readonly attemptTimeoutMs: number;
  onFailure(operation: "send", error: unknown): void;
}

/** Ties of an attempt to the claim of its chunk. */
interface AttemptTies {
  readonly signal: AbortSignal | undefined;
  readonly operation: ClaimOperation | undefined;
}

/** Outcome of each recipient of an attempt, by position; `undefined` for one in doubt. */
export type AttemptOutcomes = readonly (RecipientOutcome | undefined)[];

/** Makes one attempt for the recipients of a slice: one call of the transport, or one for each where their contents differ. */
export async function makeAttempt(
  parts: AttemptParts,
  job: ChunkJob,
  slice: Slice,
  ties: AttemptTies,
): Promise<AttemptOutcomes> {
  const { places } = slice;
  const names = job.names(places);
  const options = optionsOf(parts, job, slice, ties);
  const made = slice.attempts + 1;
  const { timeToLiveSec } = job;
  const life = timeToLiveSec === undefined ? {} : { timeToLiveSec: Math.min(timeToLiveSec, MAX_TIME_TO_LIVE_SEC) };
  if (!job.isPersonal) return send(parts, job, { ...messageTo(job.payload, names), ...life }, options, names, made);
  const sent = places.map((place, index) => {
    const one = [names[index] as string];
    const { content } = job.payload;
    const personal = { ...job.payload, content: merged(content, job.changesFor(place) ?? {}) as MessageContent };
    const messageIds = options.messageIds?.slice(index, index + 1);
    return send(parts, job, { ...messageTo(personal, one), ...life }, { ...options, messageIds }, one, made);
  });
  return (await Promise.all(sent)).flat();
}

function optionsOf(
  { clock, attemptTimeoutMs, transport, rules, resends }: AttemptParts,
  job: ChunkJob,
  { places, attempts, unanswered }: Slice,
  ties: AttemptTies,
): AttemptOptions {
  const { submission, chunk } = job.claimed;
  const { content } = job.payload;
  const now = clock.monotonic();
  const lifeLeftMs = job.lifeLeftMs();
  const idOf = (place: number): string => content.messageId ?? `${submission.id}.${chunk}.${place}`;
  return {
    ...ties,
    deadline: plusMs(now, attemptTimeoutMs),
    // of this attempt alone: the outbox counts the copies of earlier ones itself
    sendId: `${submission.id}.${chunk}.${places[0]}.${attempts}`,
    messageIds: transport.usesMessageIds ? places.map(idOf) : undefined,
    ambiguous: resends(job.payload) ? "resend" : "report",
    maxResends: Math.max(0, rules.policy.maxResends - unanswered),
    expiresAt: Number.isFinite(lifeLeftMs)
      ? plusMs(now, lifeLeftMs - (content.timeToLiveSec === 0 ? NOW_MS : 0))
      : undefined,
  };
}

async function send(
  { transport, onFailure }: AttemptParts,
  job: ChunkJob,
  message: DownstreamMessage,
  options: AttemptOptions,
  names: readonly string[],
  attempt: number,
): Promise<AttemptOutcomes> {
  try {
    return (await tracedAttempt(transport, message, options, attempt, job.claimed.submission.id)).outcomes;
  } catch (error) {
    const code = CODES_OF_ERRORS[(isCloudMessagingError(error) && error.code) || ""];
    onFailure("send", error);
    // any other breaks the transport's contract: it may have been written
    if (code === undefined) return names.map(() => undefined);
    return names.map((recipient) => failureOutcome(code, { recipient, attempts: 0, detail: describeError(error) }));
  }
}

/** Errors of a transport that has sent nothing. */
const CODES_OF_ERRORS: Readonly<Record<string, ErrorCode>> = {
  ERR_INVALID_MESSAGE: "invalid-argument",
  ERR_REGISTRATION_STORE: "not-sent",
  ERR_CLOSED: "closed",
  ERR_ABORTED: "aborted",
};

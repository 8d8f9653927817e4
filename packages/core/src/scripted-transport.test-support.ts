import type { DownstreamMessage } from "./message/downstream.ts";
import { recipientsOf } from "./message/target.ts";
import type { RegistrationToken } from "./message/token.ts";
import type { ErrorCode } from "./outcome/error-code.ts";
import { ambiguousOutcome, failureOutcome, type RecipientOutcome } from "./outcome/outcome.ts";
import type { BackoffPolicy } from "./retry/backoff.ts";
import type { AttemptOptions, DownstreamTransport } from "./sending/downstream-transport.ts";
import { type Clock, systemClock } from "./time/clock.ts";

export const POLICY: BackoffPolicy = {
  minMs: 1_000,
  initialMs: 1_000,
  maxMs: 60_000,
  rateLimitedMinMs: 10_000,
  maxAttempts: 5,
  maxResends: 1,
  totalMs: 120_000,
};

/** Answer of the pretend service to one recipient at one attempt. */
export type Answer =
  | "ok"
  | ErrorCode
  | { readonly canonical: string }
  | { readonly ambiguous: ErrorCode; readonly refused?: true }
  | { readonly code: ErrorCode; readonly retryAfterMs: number };

export interface ScriptedTransport extends DownstreamTransport {
  /** Recipients and options of every attempt, in order. */
  readonly attempts: {
    readonly recipients: readonly string[];
    readonly options: AttemptOptions;
    readonly at: number;
  }[];
  closed: boolean;
}

/** A transport by contract: what it answers is a table from recipient to answers, one per attempt, the last one for ever. */
export function scriptedTransport(
  script: Readonly<Record<string, readonly Answer[]>>,
  extra: Partial<DownstreamTransport> & { readonly clock?: Clock; readonly gate?: () => Promise<void> } = {},
): ScriptedTransport {
  const { clock = systemClock, gate, ...rest } = extra;
  const made = new Map<string, number>();
  const transport: ScriptedTransport = {
    name: "scripted",
    retryPolicy: POLICY,
    attempts: [],
    closed: false,
    async send(message: DownstreamMessage, options: AttemptOptions = {}) {
      const recipients = recipientsOf(message.target);
      const sentAt = clock.now();
      transport.attempts.push({ recipients, options, at: sentAt });
      await gate?.();
      return { outcomes: recipients.map((recipient) => answerFor(recipient, sentAt)) };
    },
    async close() {
      transport.closed = true;
    },
    [Symbol.asyncDispose]: () => transport.close(),
    ...rest,
  };
  return transport;

  function answerFor(recipient: string, sentAt: number): RecipientOutcome {
    const answers = script[recipient] ?? ["ok"];
    const attempt = made.get(recipient) ?? 0;
    made.set(recipient, attempt + 1);
    const answer = answers[Math.min(attempt, answers.length - 1)] as Answer;
    const facts = { recipient, sentAt };
    if (answer === "ok") return { kind: "accepted", recipient, attempts: 1, sentAt, messageId: `id-${recipient}` };
    // what was aborted was not written
    if (answer === "aborted") return failureOutcome(answer, { recipient });
    if (typeof answer === "string") return failureOutcome(answer, facts);
    if ("canonical" in answer) {
      const canonicalRegistrationId = answer.canonical as RegistrationToken;
      return {
        kind: "accepted",
        recipient,
        attempts: 1,
        sentAt,
        messageId: `id-${recipient}`,
        canonicalRegistrationId,
      };
    }
    if ("ambiguous" in answer) {
      return { ...ambiguousOutcome(answer.ambiguous, facts), ...(answer.refused ? { refused: true } : {}) };
    }
    return failureOutcome(answer.code, { ...facts, retryAfterMs: answer.retryAfterMs });
  }
}

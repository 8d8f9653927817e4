import type { Clock, SenderHealth } from "@cloud-messaging/core";
import { elapsedMs, type Outbox } from "@cloud-messaging/core/transport";
import type { FcmSender } from "@cloud-messaging/http-sender";

/** Interval of the check of credentials. Unit: milliseconds. */
const CHECK_INTERVAL_MS = 60_000;
const MINUTE_MS = 60_000;

/** State beyond which a gateway is not ready, by project. */
export interface ReadinessLimits {
  /** Messages without a final result. */
  readonly maxBacklog: number;
  /** Time that the messages which wait for the quota will take. Unit: milliseconds. */
  readonly maxQuotaWaitMs: number;
}

/** Parts of a gateway that its readiness depends on. */
export interface ReadinessParts {
  readonly senders: ReadonlyMap<string, Pick<FcmSender, "health" | "verifyCredentials">>;
  readonly outboxes: () => ReadonlyMap<string, Pick<Outbox, "health">>;
  readonly clock: Clock;
}

/**
 * Creates the check of readiness: credentials, quotas, backlogs. FCM is asked about credentials at most once a minute, by a message that is only
 * validated.
 *
 * @returns Gives the reason why the gateway is not ready; `undefined` if it is.
 */
export function createReadiness(
  { senders, outboxes, clock }: ReadinessParts,
  limits: ReadinessLimits,
): () => Promise<string | undefined> {
  const credentials = remembered(CHECK_INTERVAL_MS, clock, () => credentialsProblem(senders));
  return async () => {
    for (const [project, sender] of senders) {
      const problem = senderProblem(sender.health(), limits);
      if (problem !== undefined) return `The sender of ${project} is not ready: ${problem}`;
    }
    const outboxProblems = [...outboxes()].map(async ([project, outbox]) => {
      const { reason, backlog } = await outbox.health();
      const problem = reason ?? backlogProblem(backlog, limits);
      return problem === undefined ? undefined : `The outbox of ${project} is not ready: ${problem}`;
    });
    const problem = (await Promise.all(outboxProblems)).find((found) => found !== undefined);
    // last: its message waits for the quota too
    return problem ?? credentials();
  };
}

function senderProblem({ reason, backlog, quota }: SenderHealth, limits: ReadinessLimits): string | undefined {
  if (reason !== undefined) return reason;
  const quotaWaitMs = quota === undefined ? 0 : (quota.waiting / quota.perMinute) * MINUTE_MS;
  if (quotaWaitMs >= limits.maxQuotaWaitMs) {
    return `${quota?.waiting} messages wait for the quota, which is ${Math.round(quotaWaitMs)} ms; the limit is ${limits.maxQuotaWaitMs}`;
  }
  return backlogProblem(backlog, limits);
}

function backlogProblem(backlog: number, { maxBacklog }: ReadinessLimits): string | undefined {
  return backlog < maxBacklog ? undefined : `${backlog} messages have no result; the limit is ${maxBacklog}`;
}

/** Reason why messages of a project cannot be sent; `undefined` if all can. */
async function credentialsProblem(senders: ReadinessParts["senders"]): Promise<string | undefined> {
  const problems = [...senders].map(async ([project, sender]) => {
    const check = await sender.verifyCredentials();
    return check.kind === "invalid" ? `The credential of ${project} is refused: ${check.code}` : undefined;
  });
  return (await Promise.all(problems)).find((problem) => problem !== undefined);
}

/** Calls a function at most once in an interval; between, its last result is given. */
function remembered<T>(intervalMs: number, clock: Clock, call: () => Promise<T>): () => Promise<T> {
  let last: { readonly at: ReturnType<Clock["monotonic"]>; readonly result: Promise<T> } | undefined;
  return () => {
    if (last === undefined || elapsedMs(clock, last.at) >= intervalMs) last = { at: clock.monotonic(), result: call() };
    return last.result;
  };
}

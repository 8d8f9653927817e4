import type { RegistrationToken } from "../message/token.ts";
import { isSuspectCode } from "../outcome/error-code.ts";
import type { RecipientOutcome, SendReport } from "../outcome/outcome.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import type { MaybePromise } from "./maybe-promise.ts";
import type { RegistrationVerdict, SuspectRemoval, TokenState } from "./registration.ts";
import type { RegistrationStore, Resolution } from "./registration-store.ts";

/** Time between two notes of an accepted message for the same token. Unit: milliseconds. Our choice: a send seldom writes for it. */
const ACCEPTED_EVERY_MS = 24 * 3_600_000;

/** Options of `applyReport`. */
export interface ApplyReportOptions {
  /**
   * Identity of the sender, for the count of refusals. 1 to 256 characters.
   * @defaultValue `"default"`
   */
  readonly sender?: string;
  /**
   * Policy for suspects.
   * @defaultValue they are reported and stay
   */
  readonly suspects?: SuspectRemoval | undefined;
  /**
   * The report is of messages that nobody got (`dryRun`): none counts as accepted.
   * @defaultValue `false`
   */
  readonly dryRun?: boolean;
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
}

/**
 * Tells the store what a report says, in one call: rewrites, removals, refusals, and once a day per token that a message was accepted.
 *
 * @param report Of a send to `resolution.tokens`, in their order.
 * @param resolution Answer of `store.resolve` from before the send.
 *
 * @example
 * ```ts
 * import type { RegistrationStore, RegistrationToken, SendReport } from "@cloud-messaging/core";
 * import { applyReport } from "@cloud-messaging/core/transport";
 *
 * declare const store: RegistrationStore;
 * declare const tokens: RegistrationToken[];
 * declare function subscribe(tokens: readonly RegistrationToken[]): Promise<SendReport>;
 * const resolution = await store.resolve(tokens);
 * await applyReport(await subscribe(resolution.tokens), store, resolution);
 * ```
 */
export function applyReport(
  report: SendReport,
  store: Pick<RegistrationStore, "apply">,
  resolution: Resolution,
  { sender = "default", suspects, dryRun = false, clock = systemClock }: ApplyReportOptions = {},
): MaybePromise<void> {
  let verdicts: RegistrationVerdict[] | undefined;
  // read once: a thousand readings would cost more than the rest of this loop
  let now: number | undefined;
  const { outcomes } = report;
  for (let position = 0; position < outcomes.length; position++) {
    const outcome = outcomes[position] as RecipientOutcome;
    const token = resolution.tokens[position];
    const state = resolution.states[position];
    if (token === undefined || state === undefined) continue;
    const isAccepted = outcome.kind === "accepted" && outcome.canonicalRegistrationId === undefined;
    // nearly all of them
    if (isAccepted) {
      if (dryRun || state.revision === null) continue;
      now ??= clock.now();
      if (!isDue(state, now)) continue;
    }
    const verdict = verdictOf(outcome, token, state, sender, suspects);
    if (verdict === undefined) continue;
    verdicts ??= [];
    verdicts.push(verdict);
  }
  if (verdicts !== undefined) return store.apply(verdicts);
}

function isDue({ acceptedAt, suspicion }: TokenState, now: number): boolean {
  return suspicion !== undefined || acceptedAt === undefined || now - acceptedAt >= ACCEPTED_EVERY_MS;
}

function verdictOf(
  outcome: RecipientOutcome,
  token: RegistrationToken,
  { revision }: TokenState,
  sender: string,
  removal: SuspectRemoval | undefined,
): RegistrationVerdict | undefined {
  switch (outcome.kind) {
    case "accepted": {
      const { canonicalRegistrationId } = outcome;
      return canonicalRegistrationId === undefined || canonicalRegistrationId === token
        ? { type: "accepted", token, revision }
        : { type: "replaced", token, revision, canonicalRegistrationId };
    }
    case "unregistered": {
      const reason = outcome.code === "invalid-registration" ? outcome.code : "not-registered";
      return { type: "removed", token, revision, reason };
    }
    case "rejected":
      if (!isSuspectCode(outcome.code)) return undefined;
      return {
        type: "suspect",
        token,
        revision,
        reason: outcome.code,
        sender,
        ...(removal === undefined ? {} : { removal }),
      };
    default:
      return undefined;
  }
}

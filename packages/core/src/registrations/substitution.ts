import type { DownstreamMessage } from "../message/downstream.ts";
import type { RegistrationToken } from "../message/token.ts";
import type { RecipientOutcome, SendReport } from "../outcome/outcome.ts";

/** A message to each device once, superseded tokens replaced by canonical ones, and the way back to what the caller gave. */
export interface Substitution {
  readonly message: DownstreamMessage;
  /** The report by the caller's positions, naming the tokens the caller gave. */
  restore(report: SendReport): SendReport;
}

/**
 * Puts the resolved tokens in the place of the given ones. A token that the caller listed twice, or that a rewrite
 * leads to, is sent to once, and every position gets its outcome.
 *
 * @returns `undefined` when nothing was superseded and nothing repeated, which is nearly always.
 */
export function substitute(
  message: DownstreamMessage,
  given: readonly RegistrationToken[],
  resolved: readonly RegistrationToken[],
): Substitution | undefined {
  const isPlain = resolved === given || given.every((token, position) => resolved[position] === token);
  if (isPlain && (given.length === 1 || new Set(given).size === given.length)) return undefined;

  const tokens: RegistrationToken[] = [];
  const indexOf = new Map<RegistrationToken, number>();
  // where to find each position's outcome; tokens that were not superseded go first, so that a rewrite finds them
  const place: number[] = new Array(given.length);
  for (const superseded of [false, true]) {
    given.forEach((token, position) => {
      const target = resolved[position] ?? token;
      if ((target !== token) !== superseded) return;
      const known = indexOf.get(target);
      place[position] = known ?? tokens.length;
      if (known !== undefined) return;
      indexOf.set(target, tokens.length);
      tokens.push(target);
    });
  }
  const [first] = tokens;
  const single = "token" in message.target && first !== undefined;

  return {
    message: { ...message, target: single ? { token: first } : { tokens } },
    restore(report) {
      const outcomes = given.map((token, position): RecipientOutcome => {
        const outcome = report.outcomes[place[position] as number] as RecipientOutcome;
        const target = resolved[position] ?? token;
        if (target === token) return outcome;
        const restored = { ...outcome, recipient: token, sentTo: target };
        return restored.kind === "accepted" && restored.canonicalRegistrationId === undefined
          ? { ...restored, canonicalRegistrationId: target }
          : restored;
      });
      return { ...report, outcomes };
    },
  };
}

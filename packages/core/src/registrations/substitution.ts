import type { DownstreamMessage } from "../message/downstream.ts";
import type { RegistrationToken } from "../message/token.ts";
import type { RecipientOutcome, SendReport } from "../outcome/outcome.ts";
import type { OutcomeListener } from "../sending/downstream-transport.ts";

/** A message to each device once, superseded tokens replaced by canonical ones, and the way back to what the caller gave. */
export interface Substitution {
  readonly message: DownstreamMessage;
  /** The tokens of the message. */
  readonly tokens: readonly RegistrationToken[];
  /** Picks what belongs to the tokens of the message out of what belongs to the given ones. */
  pick<T>(ofGiven: readonly T[]): T[];
  /** The report by the caller's positions, naming the tokens the caller gave. */
  restore(report: SendReport): SendReport;
  /** Passes an outcome on to each of the caller's positions that it is the outcome of. */
  restoreTo(listener: OutcomeListener): OutcomeListener;
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

  const restored = (outcome: RecipientOutcome, position: number): RecipientOutcome => {
    const token = given[position] as RegistrationToken;
    const target = resolved[position] ?? token;
    if (target === token) return outcome;
    const renamed = { ...outcome, recipient: token, sentTo: target };
    return renamed.kind === "accepted" && renamed.canonicalRegistrationId === undefined
      ? { ...renamed, canonicalRegistrationId: target }
      : renamed;
  };

  return {
    message: { ...message, target: single ? { token: first } : { tokens } },
    tokens,
    pick: (ofGiven) => tokens.map((_, index) => ofGiven[place.indexOf(index)] as (typeof ofGiven)[number]),
    restore: (report) => ({
      ...report,
      outcomes: place.map((index, position) => restored(report.outcomes[index] as RecipientOutcome, position)),
    }),
    restoreTo: (listener) => (index, outcome) => {
      for (const [position, at] of place.entries()) if (at === index) listener(position, restored(outcome, position));
    },
  };
}

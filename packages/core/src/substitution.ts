import type { DownstreamMessage } from "./message/downstream.ts";
import type { RegistrationToken } from "./message/token.ts";
import type { RecipientOutcome, SendReport } from "./outcome.ts";

/** A message whose superseded tokens gave way to canonical ones, and the way back to what the caller gave. */
export interface Substitution {
  readonly message: DownstreamMessage;
  /** The report by the caller's positions, naming the tokens the caller gave. */
  restore(report: SendReport): SendReport;
}

/**
 * Puts the resolved tokens in the place of the given ones. Where a rewrite leads to a token that is in the list already, the device
 * is sent to once and both positions get its outcome. Tokens the caller listed twice are left as they are.
 *
 * @returns `undefined` when nothing was superseded, which is nearly always.
 */
export function substitute(
  message: DownstreamMessage,
  given: readonly RegistrationToken[],
  resolved: readonly RegistrationToken[],
): Substitution | undefined {
  if (resolved === given || given.every((token, position) => resolved[position] === token)) return undefined;

  const tokens: RegistrationToken[] = [];
  /** Where a token to send to stands in `tokens`, and which of the caller's tokens put it there. */
  const indexOf = new Map<RegistrationToken, { readonly index: number; readonly given: RegistrationToken }>();
  // where to find each position's outcome; tokens that were not superseded go first, so that a rewrite finds them
  const place: number[] = new Array(given.length);
  for (const superseded of [false, true]) {
    given.forEach((token, position) => {
      const target = resolved[position] ?? token;
      if ((target !== token) !== superseded) return;
      const known = indexOf.get(target);
      if (known !== undefined && known.given !== token) {
        place[position] = known.index;
        return;
      }
      place[position] = tokens.length;
      if (known === undefined) indexOf.set(target, { index: tokens.length, given: token });
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

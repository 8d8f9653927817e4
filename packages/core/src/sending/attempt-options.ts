import type { DownstreamMessage } from "../message/downstream.ts";
import { tokensOf } from "../message/target.ts";
import { defaultAmbiguousPolicy } from "../retry/with-retry.ts";
import type { Random } from "../time/clock.ts";
import { type MonotonicInstant, plusMs } from "../time/monotonic.ts";
import type { AttemptOptions, DownstreamTransport } from "./downstream-transport.ts";
import { createMessageIds } from "./message-id.ts";
import type { SenderOptions, SendOptions } from "./sender.ts";

/** Makes the options of a send's attempts from the caller's options. */
export type AttemptOptionsFactory = (
  message: DownstreamMessage,
  options: SendOptions,
  begunAt: MonotonicInstant,
  inside: Pick<AttemptOptions, "deadline" | "retryUntil" | "onOutcome" | "resolution">,
) => AttemptOptions;

/**
 * Creates the factory of a sender.
 *
 * @param defaults Defaults of the sender for each send.
 */
export function createAttemptOptions(
  { usesMessageIds, retryPolicy }: DownstreamTransport,
  defaults: Pick<SenderOptions, "ambiguous" | "lifeFrom">,
  random: Random,
): AttemptOptionsFactory {
  const nextMessageId = createMessageIds(random);
  const nextSendId = createMessageIds(random);

  function messageIdsFor({ messageId, target }: DownstreamMessage): string[] {
    if (messageId !== undefined) return [messageId];
    const recipients = tokensOf(target)?.length ?? 1;
    return recipients === 1 ? [nextMessageId()] : Array.from({ length: recipients }, nextMessageId);
  }

  return (message, options, begunAt, { deadline, retryUntil, onOutcome, resolution }) => {
    const { timeToLiveSec, target } = message;
    const { signal, ambiguous = defaults.ambiguous ?? defaultAmbiguousPolicy(target) } = options;
    const { lifeFrom = defaults.lifeFrom ?? "call" } = options;
    const isBounded = timeToLiveSec !== undefined && lifeFrom === "call";
    return {
      signal,
      retryUntil,
      onOutcome,
      resolution,
      ambiguous,
      deadline,
      sendId: nextSendId(),
      maxResends: retryPolicy.maxResends,
      expiresAt: isBounded ? plusMs(begunAt, timeToLiveSec * 1000) : undefined,
      messageIds: usesMessageIds ? messageIdsFor(message) : undefined,
    };
  };
}

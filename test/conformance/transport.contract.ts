import type { ErrorCode } from "@cloud-messaging/core";
import { type DownstreamTransport, parseDownstreamMessage, plusMs, systemClock } from "@cloud-messaging/core/transport";
import { describe, expect, it } from "vitest";

/** A transport and the service behind it, as the contract needs them. */
export interface TransportSetup extends AsyncDisposable {
  readonly transport: DownstreamTransport;
  /** A token of a device that is there. */
  freshToken(): string;
  /** The service refuses the next message to this token so. */
  refuse(token: string, code: ErrorCode): void;
  /** From now on the service takes what is written and answers nothing. */
  fallSilent(): void;
  /** How often a message to this token has reached the service. */
  reached(token: string): number;
}

/** What differs from service to service, and is not in the contract. */
export interface TransportTraits {
  /** Refusals this service knows, and the kind each has to become. */
  readonly refusals: readonly (readonly [ErrorCode, string])[];
  /** Message IDs are the caller's. */
  readonly usesMessageIds?: boolean;
}

/**
 * What every transport has to do, whatever carries its messages. Run it over yours:
 * `transportContract("mine", () => setup(), () => createMyTransport(unreachable), { refusals })`.
 *
 * @param unreachable A transport whose service refuses connections.
 */
export function transportContract(
  name: string,
  setup: () => Promise<TransportSetup>,
  unreachable: () => DownstreamTransport,
  traits: TransportTraits,
): void {
  const message = (tokens: readonly string[]) => parseDownstreamMessage({ target: { tokens }, data: { n: "3" } });
  const ids = (tokens: readonly string[]) =>
    traits.usesMessageIds ? { messageIds: tokens.map((_, i) => `m-${i}-${Math.random().toString(36).slice(2)}`) } : {};

  describe(`transport: ${name}`, () => {
    it("answers with one outcome per recipient, in their order, duplicates included, each of one attempt", async () => {
      await using world = await setup();
      const [a, b] = [world.freshToken(), world.freshToken()];
      const tokens = [a, b, a];
      const before = Date.now();
      const { outcomes } = await world.transport.send(message(tokens), ids(tokens));
      expect(outcomes.map(({ recipient }) => recipient)).toEqual(tokens);
      expect(outcomes.map(({ kind }) => kind)).toEqual(["accepted", "accepted", "accepted"]);
      for (const { attempts, sentAt } of outcomes) {
        expect(attempts).toBe(1);
        expect(sentAt).toBeGreaterThanOrEqual(before);
      }
      expect([world.reached(a), world.reached(b)]).toEqual([2, 1]);
    });

    it.each(traits.refusals)(
      "makes %s of the service an outcome, once, and of its recipient alone",
      async (code, kind) => {
        await using world = await setup();
        const tokens = [world.freshToken(), world.freshToken()];
        world.refuse(tokens[1] as string, code);
        const { outcomes } = await world.transport.send(message(tokens), ids(tokens));
        expect(outcomes.map((outcome) => outcome.kind)).toEqual(["accepted", kind]);
        expect(outcomes[1]).toMatchObject({ recipient: tokens[1] });
        expect(world.reached(tokens[1] as string)).toBe(1);
      },
    );

    it("calls ambiguous what was written and not answered when the signal aborts", async () => {
      await using world = await setup();
      const token = world.freshToken();
      world.fallSilent();
      const abort = new AbortController();
      const sending = world.transport.send(message([token]), {
        ...ids([token]),
        signal: abort.signal,
        ambiguous: "report",
      });
      while (world.reached(token) === 0) await new Promise((resolve) => setImmediate(resolve));
      abort.abort();
      const { outcomes } = await sending;
      expect(outcomes).toMatchObject([{ kind: "ambiguous", code: "aborted", recipient: token }]);
    });

    it("calls ambiguous what was written and not answered by the deadline", async () => {
      await using world = await setup();
      const token = world.freshToken();
      world.fallSilent();
      const { outcomes } = await world.transport.send(message([token]), {
        ...ids([token]),
        deadline: plusMs(systemClock.monotonic(), 1_000),
        ambiguous: "report",
      });
      expect(outcomes).toMatchObject([{ kind: "ambiguous", code: "timeout" }]);
      expect(world.reached(token)).toBe(1);
    });

    it("calls retryable what never left: an aborted signal, a deadline that has passed", async () => {
      await using world = await setup();
      const token = world.freshToken();
      const aborted = await world.transport.send(message([token]), { ...ids([token]), signal: AbortSignal.abort() });
      expect(aborted.outcomes).toMatchObject([{ kind: "retryable", code: "aborted" }]);
      const late = await world.transport.send(message([token]), {
        ...ids([token]),
        deadline: plusMs(systemClock.monotonic(), -1),
      });
      expect(late.outcomes).toMatchObject([{ kind: "retryable", code: "timeout" }]);
      expect(world.reached(token)).toBe(0);
    });

    it("calls retryable what met a service that cannot be reached, and does not reject", async () => {
      const transport = unreachable();
      try {
        const { outcomes } = await transport.send(message(["tok-a", "tok-b"]), {
          ...ids(["tok-a", "tok-b"]),
          deadline: plusMs(systemClock.monotonic(), 1_500),
        });
        expect(outcomes.map(({ kind }) => kind)).toEqual(["retryable", "retryable"]);
      } finally {
        await transport.close();
      }
    });

    it("settles what is under way when it closes, takes nothing after, and gives every caller the same promise", async () => {
      await using world = await setup();
      const token = world.freshToken();
      const sending = world.transport.send(message([token]), ids([token]));
      const closing = world.transport.close();
      expect(world.transport.close()).toBe(closing);
      await closing;
      expect((await sending).outcomes).toHaveLength(1);
      const { outcomes } = await world.transport.send(message([token]), ids([token]));
      expect(outcomes).toMatchObject([{ kind: "retryable", code: "closed" }]);
    });

    it("states how its service wants to be retried, and has no retries itself", async () => {
      await using world = await setup();
      const { retryPolicy } = world.transport;
      expect(retryPolicy.maxAttempts).toBeGreaterThan(1);
      expect(retryPolicy.totalMs).toBeGreaterThan(retryPolicy.minMs);
      expect(retryPolicy.rateLimitedMinMs).toBeGreaterThan(retryPolicy.minMs);
      expect(world.transport.retries).toBeUndefined();
    });
  });
}

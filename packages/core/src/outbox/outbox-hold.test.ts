import { describe, expect, it } from "vitest";
import { type CloudMessagingEvents, subscribe } from "../events.ts";
import { recipientsOf } from "../message/target.ts";
import type { ErrorCode } from "../outcome/error-code.ts";
import { failureOutcome } from "../outcome/outcome.ts";
import type { DownstreamTransport } from "../sending/downstream-transport.ts";
import { all, pass, setUp } from "./outbox.test-support.ts";

const TOKENS = Array.from({ length: 2_500 }, (_, n) => `token-${n}`);
const work = { concurrency: 4, batchSize: 100 };
const random = (): number => 0.5;

/** A service that refuses the sender until it is mended. */
function refusing(code: ErrorCode, refused: (recipient: string) => boolean = () => true) {
  const service = { isMended: false, requests: 0 };
  const send: DownstreamTransport["send"] = async (message) => {
    service.requests++;
    const outcomes = recipientsOf(message.target).map((recipient) =>
      service.isMended || !refused(recipient)
        ? ({ kind: "accepted", recipient, attempts: 1 } as const)
        : failureOutcome(code, { recipient, detail: "the key is not valid" }),
    );
    return { outcomes };
  };
  return { service, send };
}

function holds() {
  const seen: CloudMessagingEvents["cloud-messaging:outbox-hold"][] = [];
  return { seen, end: subscribe("cloud-messaging:outbox-hold", (event) => seen.push(event)) };
}

describe("a worker whose sender is refused as a whole", () => {
  it.each<ErrorCode>([
    "authentication-failed",
    "permission-denied",
    "endpoint-gone",
    "untrusted-certificate",
    "wrong-protocol",
  ])(
    "holds its work at %s, asks again with one attempt at a time, and sends all of it once that is mended",
    async (code) => {
      const { clock, open } = setUp();
      const { service, send } = refusing(code);
      const { outbox } = open({ send }, { random });
      const { seen, end } = holds();
      const { id } = await outbox.enqueueAll({ data: { a: "1" } }, TOKENS);
      const done = outbox.work({ ...work, untilIdle: true });
      await pass(clock, 120_000, 1_000);
      // one for each attempt that was in flight at first, then one after each wait
      expect(service.requests).toBeLessThanOrEqual(4 + seen.length);
      expect(service.requests).toBeLessThan(15);
      expect(seen[0]).toEqual({
        engine: "memory",
        state: "held",
        code,
        detail: "the key is not valid",
        delayMs: 1_500,
      });
      expect(await outbox.progress(id)).toMatchObject({ pending: 2_500, kinds: {} });
      service.isMended = true;
      await pass(clock, 600_000, 5_000);
      await done;
      end();
      expect(await outbox.progress(id)).toMatchObject({ state: "finished", kinds: { accepted: 2_500 } });
      expect(seen.filter(({ state }) => state === "resumed")).toHaveLength(1);
    },
  );

  it("gives its chunks back, so that a worker with a good key sends them meanwhile", async () => {
    const { clock, open } = setUp();
    const { send } = refusing("authentication-failed");
    const bad = open({ send }, { random }).outbox;
    const good = open({}, { random }).outbox;
    await bad.enqueueAll({ data: { a: "1" } }, TOKENS);
    void bad.work(work);
    await pass(clock, 500);
    const done = good.work({ ...work, untilIdle: true });
    await pass(clock, 20_000);
    await done;
    const closing = bad.close();
    await pass(clock, 1_000);
    await closing;
    expect((await good.backlog()).recipients).toBe(0);
  });

  it("ends at once when it is closed, and leaves the work for others", async () => {
    const { clock, open } = setUp();
    const { send } = refusing("authentication-failed");
    const { outbox } = open({ send }, { random });
    await outbox.enqueueAll({ data: { a: "1" } }, TOKENS);
    const done = outbox.work(work);
    await pass(clock, 1_000);
    await outbox.close();
    await done;
    const { outbox: other } = open();
    const finished = other.work({ ...work, untilIdle: true });
    await pass(clock, 20_000);
    await finished;
    expect((await all(other)).length).toBe(2_500);
  });

  it("leaves no timer when the refusal comes while it ends", async () => {
    const { clock, open } = setUp();
    let refuse: () => void = () => {};
    const refused = new Promise<void>((resolve) => (refuse = resolve));
    const send: DownstreamTransport["send"] = async ({ target }) => {
      await refused;
      return {
        outcomes: recipientsOf(target).map((recipient) => failureOutcome("authentication-failed", { recipient })),
      };
    };
    const { outbox } = open({ send }, { random });
    await outbox.enqueue({ target: { token: "a" } });
    const done = outbox.work(work);
    await pass(clock, 500);
    const closing = outbox.close();
    refuse();
    await pass(clock, 500);
    await Promise.all([closing, done]);
    expect(clock.scheduled).toBe(0);
  });

  it("makes dead letters of what the time limit ends, which a replay sends", async () => {
    const { clock, open } = setUp();
    const { service, send } = refusing("authentication-failed");
    const { outbox } = open({ send }, { random, retry: { totalMs: 5_000 } });
    const { id } = await outbox.enqueue({ target: { token: "a" } });
    const done = outbox.work({ untilIdle: true });
    await pass(clock, 60_000, 1_000);
    await done;
    const [result] = await all(outbox, { dead: true });
    expect(result).toMatchObject({ dead: "deadline", outcome: { kind: "rejected", code: "authentication-failed" } });
    service.isMended = true;
    const { id: again } = await outbox.replay(id);
    const finished = outbox.work({ untilIdle: true });
    await pass(clock, 5_000);
    await finished;
    expect(await outbox.progress(again)).toMatchObject({ kinds: { accepted: 1 } });
  });
});

it("a refusal that is about some recipients is final for these, and holds nothing", async () => {
  const { clock, open } = setUp();
  const { send } = refusing("invalid-apns-credential", (recipient) => recipient.endsWith("7"));
  const { outbox } = open({ send }, { random });
  const { seen, end } = holds();
  const { id } = await outbox.enqueueAll({ data: { a: "1" } }, TOKENS);
  const done = outbox.work({ ...work, untilIdle: true });
  await pass(clock, 5_000);
  await done;
  end();
  expect(seen).toEqual([]);
  expect(await outbox.progress(id)).toMatchObject({ kinds: { accepted: 2_250, rejected: 250 } });
});

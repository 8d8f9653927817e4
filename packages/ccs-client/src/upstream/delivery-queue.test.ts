import { createManualClock } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import type { DeliveryQueueOptions, DeliverySource } from "./delivery.ts";
import { DeliveryQueue } from "./delivery-queue.ts";
import { createHandledMessages } from "./handled-messages.ts";

interface Item {
  readonly from: string;
  readonly messageId: string;
}

function createQueue(maxQueued = 10, options: Partial<DeliveryQueueOptions<Item>> = {}): DeliveryQueue<Item> {
  return new DeliveryQueue<Item>({
    type: "upstream",
    identity: ({ from, messageId }) => `${from}\n${messageId}`,
    orderKey: ({ from }) => from,
    concurrency: 1,
    maxDeliveryAttempts: 5,
    maxQueued,
    handled: createHandledMessages(),
    clock: createManualClock(),
    deadLetter: async () => undefined,
    ...options,
  });
}

/** Creates a connection that records its acknowledgements. */
function createSource() {
  const acked: string[] = [];
  const source = {
    id: 1,
    ended: false,
    acknowledge: (_: string, messageId: string) => {
      acked.push(messageId);
      return true;
    },
  };
  return { source: source satisfies DeliverySource, acked };
}

const item = (messageId: string, from = messageId): Item => ({ from, messageId });

/** Handles everything held; returns the message IDs that the handler saw. */
async function handleAll(queue: DeliveryQueue<Item>): Promise<string[]> {
  const seen: string[] = [];
  queue.handleWith(({ messageId }) => void seen.push(messageId));
  await queue.idle(undefined);
  return seen;
}

describe("the delivery queue", () => {
  it("does not handle a delivery whose connections have all ended, since CCS redelivers it", async () => {
    const queue = createQueue();
    const [old, live] = [createSource(), createSource()];
    queue.deliver(item("u-1"), old.source);
    queue.deliver(item("u-2"), old.source);
    queue.deliver(item("u-2"), live.source);
    old.source.ended = true;
    expect(await handleAll(queue)).toEqual(["u-2"]);
    expect(live.acked).toEqual(["u-2"]);
  });

  it("drops only deliveries of ended connections when a connection ends, and accepts new ones in their place", async () => {
    const queue = createQueue(3);
    const [old, live] = [createSource(), createSource()];
    queue.deliver(item("u-1", "tok-a"), old.source);
    queue.deliver(item("u-2", "tok-a"), live.source);
    queue.deliver(item("u-3", "tok-b"), old.source);
    old.source.ended = true;
    queue.connectionEnded();
    queue.deliver(item("u-4", "tok-c"), live.source);
    queue.deliver(item("u-5", "tok-d"), live.source);
    queue.deliver(item("u-6", "tok-e"), live.source);
    expect(await handleAll(queue)).toEqual(["u-2", "u-4", "u-5"]);
    expect(live.acked).toEqual(["u-2", "u-4", "u-5"]);
  });

  it("does not inspect held deliveries for one that exceeds maxQueued", () => {
    const queue = createQueue(1_000);
    const { source } = createSource();
    let looks = 0;
    const counted: DeliverySource = {
      id: 1,
      get ended() {
        looks++;
        return source.ended;
      },
      acknowledge: source.acknowledge,
    };
    for (let i = 0; i < 3_000; i++) queue.deliver(item(`u-${i}`), counted);
    expect(looks).toBe(0);
  });

  it("acknowledges deliveries beyond maxUnacknowledged on arrival, and still handles them", async () => {
    const queue = createQueue(10, { maxUnacknowledged: 2 });
    const { source, acked } = createSource();
    for (const id of ["r-1", "r-2", "r-3", "r-4"]) queue.deliver(item(id), source);
    expect(acked).toEqual(["r-3", "r-4"]);
    // a redelivery of one that is counted already
    queue.deliver(item("r-1"), source);
    expect(acked).toEqual(["r-3", "r-4"]);
    expect(await handleAll(queue)).toEqual(["r-1", "r-2", "r-3", "r-4"]);
    expect(acked).toEqual(["r-3", "r-4", "r-1", "r-2"]);
    // capacity again
    queue.handleWith(undefined);
    queue.deliver(item("r-5"), source);
    expect(acked).toHaveLength(4);
  });

  it("retries a failed delivery that was acknowledged on arrival, also after its connection has ended, until it is a dead letter", async () => {
    const clock = createManualClock();
    const deadLetters: string[] = [];
    const queue = createQueue(10, {
      clock,
      maxUnacknowledged: 0,
      maxDeliveryAttempts: 3,
      deadLetter: async ({ messageId }) => void deadLetters.push(messageId),
    });
    const { source, acked } = createSource();
    const attempts: number[] = [];
    queue.handleWith((_, context) => {
      attempts.push(context.deliveryAttempt);
      throw new Error("not now");
    });
    queue.deliver(item("r-1"), source);
    source.ended = true;
    queue.connectionEnded();
    await queue.idle(undefined);
    expect(attempts).toEqual([1]);
    await clock.advance(1_000);
    await clock.advance(1_000);
    await clock.advance(1_000);
    expect(attempts).toEqual([1, 2, 3]);
    expect(deadLetters).toEqual(["r-1"]);
    expect(acked).toEqual(["r-1"]);
    queue.stop();
    expect(clock.scheduled).toBe(0);
  });

  it("still handles deliveries that were acknowledged on arrival after stop()", async () => {
    const queue = createQueue(10, { maxUnacknowledged: 1, concurrency: 1 });
    const { source } = createSource();
    const seen: string[] = [];
    queue.handleWith(async ({ messageId }) => void seen.push(messageId));
    for (const id of ["r-1", "r-2", "r-3"]) queue.deliver(item(id), source);
    queue.stop();
    await queue.idle(undefined);
    expect(seen).toEqual(["r-1", "r-2", "r-3"]);
  });
});

import { createManualClock } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { type DeliverySource, Inbox, type InboxOptions } from "./delivery-queue.ts";
import { createHandledMessages } from "./handled-messages.ts";

interface Item {
  readonly from: string;
  readonly messageId: string;
}

function createInbox(maxQueued = 10, options: Partial<InboxOptions<Item>> = {}): Inbox<Item> {
  return new Inbox<Item>({
    type: "upstream",
    identity: ({ from, messageId }) => `${from}\n${messageId}`,
    orderKey: ({ from }) => from,
    concurrency: 1,
    maxTries: 5,
    maxQueued,
    handled: createHandledMessages(),
    clock: createManualClock(),
    giveUp: async () => undefined,
    ...options,
  });
}

/** A connection that notes what is acknowledged on it. */
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

/** Hands over what is held; returns what the handler saw. */
async function handleAll(inbox: Inbox<Item>): Promise<string[]> {
  const seen: string[] = [];
  inbox.handleWith(({ messageId }) => void seen.push(messageId));
  await inbox.idle(undefined);
  return seen;
}

describe("the inbox", () => {
  it("does not hand over what came on connections that have all ended: CCS delivers it again", async () => {
    const inbox = createInbox();
    const [old, live] = [createSource(), createSource()];
    inbox.deliver(item("u-1"), old.source);
    inbox.deliver(item("u-2"), old.source);
    inbox.deliver(item("u-2"), live.source);
    old.source.ended = true;
    expect(await handleAll(inbox)).toEqual(["u-2"]);
    expect(live.acked).toEqual(["u-2"]);
  });

  it("makes room, when a connection has ended, by forgetting what came on connections that have ended, and nothing else", async () => {
    const inbox = createInbox(3);
    const [old, live] = [createSource(), createSource()];
    inbox.deliver(item("u-1", "tok-a"), old.source);
    inbox.deliver(item("u-2", "tok-a"), live.source);
    inbox.deliver(item("u-3", "tok-b"), old.source);
    old.source.ended = true;
    inbox.connectionEnded();
    inbox.deliver(item("u-4", "tok-c"), live.source);
    inbox.deliver(item("u-5", "tok-d"), live.source);
    inbox.deliver(item("u-6", "tok-e"), live.source);
    expect(await handleAll(inbox)).toEqual(["u-2", "u-4", "u-5"]);
    expect(live.acked).toEqual(["u-2", "u-4", "u-5"]);
  });

  it("looks at nothing that it holds for a delivery that it has no room for", () => {
    const inbox = createInbox(1_000);
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
    for (let i = 0; i < 3_000; i++) inbox.deliver(item(`u-${i}`), counted);
    expect(looks).toBe(0);
  });

  it("acknowledges deliveries beyond its limit as they come, and handles them all the same", async () => {
    const inbox = createInbox(10, { maxUnacknowledged: 2 });
    const { source, acked } = createSource();
    for (const id of ["r-1", "r-2", "r-3", "r-4"]) inbox.deliver(item(id), source);
    expect(acked).toEqual(["r-3", "r-4"]);
    // the same again is within what counts already
    inbox.deliver(item("r-1"), source);
    expect(acked).toEqual(["r-3", "r-4"]);
    expect(await handleAll(inbox)).toEqual(["r-1", "r-2", "r-3", "r-4"]);
    expect(acked).toEqual(["r-3", "r-4", "r-1", "r-2"]);
    // there is room again
    inbox.handleWith(undefined);
    inbox.deliver(item("r-5"), source);
    expect(acked).toHaveLength(4);
  });

  it("tries again by itself what it acknowledged before it failed, also after its connection has ended, and then gives it up", async () => {
    const clock = createManualClock();
    const givenUp: string[] = [];
    const inbox = createInbox(10, {
      clock,
      maxUnacknowledged: 0,
      maxTries: 3,
      giveUp: async ({ messageId }) => void givenUp.push(messageId),
    });
    const { source, acked } = createSource();
    const tries: number[] = [];
    inbox.handleWith((_, context) => {
      tries.push(context.tries);
      throw new Error("not now");
    });
    inbox.deliver(item("r-1"), source);
    source.ended = true;
    inbox.connectionEnded();
    await inbox.idle(undefined);
    expect(tries).toEqual([1]);
    await clock.advance(1_000);
    await clock.advance(1_000);
    await clock.advance(1_000);
    expect(tries).toEqual([1, 2, 3]);
    expect(givenUp).toEqual(["r-1"]);
    expect(acked).toEqual(["r-1"]);
    inbox.stop();
    expect(clock.scheduled).toBe(0);
  });

  it("still handles what it acknowledged before, after it was told to stop", async () => {
    const inbox = createInbox(10, { maxUnacknowledged: 1, concurrency: 1 });
    const { source } = createSource();
    const seen: string[] = [];
    inbox.handleWith(async ({ messageId }) => void seen.push(messageId));
    for (const id of ["r-1", "r-2", "r-3"]) inbox.deliver(item(id), source);
    inbox.stop();
    await inbox.idle(undefined);
    expect(seen).toEqual(["r-1", "r-2", "r-3"]);
  });
});

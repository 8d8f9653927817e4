import { describe, expect, it } from "vitest";
import { createHandledMessages } from "./handled-messages.ts";
import { type DeliverySource, Inbox } from "./inbox.ts";

interface Item {
  readonly from: string;
  readonly messageId: string;
}

function createInbox(maxQueued = 10): Inbox<Item> {
  return new Inbox<Item>({
    type: "upstream",
    identity: ({ from, messageId }) => `${from}\n${messageId}`,
    orderKey: ({ from }) => from,
    concurrency: 1,
    maxTries: 5,
    maxQueued,
    handled: createHandledMessages(),
    now: () => 0,
    giveUp: async () => undefined,
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

  it("that is full makes room by forgetting what came on connections that have ended, and nothing else", async () => {
    const inbox = createInbox(3);
    const [old, live] = [createSource(), createSource()];
    inbox.deliver(item("u-1", "tok-a"), old.source);
    inbox.deliver(item("u-2", "tok-a"), live.source);
    inbox.deliver(item("u-3", "tok-b"), old.source);
    old.source.ended = true;
    inbox.deliver(item("u-4", "tok-c"), live.source);
    inbox.deliver(item("u-5", "tok-d"), live.source);
    inbox.deliver(item("u-6", "tok-e"), live.source);
    expect(await handleAll(inbox)).toEqual(["u-2", "u-4", "u-5"]);
    expect(live.acked).toEqual(["u-2", "u-4", "u-5"]);
  });
});

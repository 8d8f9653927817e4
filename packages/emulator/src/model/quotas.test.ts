import { createManualClock } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { testWorld, texts } from "../../../../test/support/emulator-world.ts";

/** First reading of the test world's clock. */
const START = createManualClock().now();

describe("the quota of a project over v1", () => {
  it("is off until a figure is set, and then counts each project by itself", () => {
    const { quotas } = testWorld();
    let refused = 0;
    for (let n = 0; n < 700_000; n++) if (quotas.spendMessage("p") !== undefined) refused++;
    expect(refused).toBe(0);
    quotas.limits.messagesPerMinute = 2;
    expect(["p", "p", "p", "q"].map((project) => quotas.spendMessage(project) === undefined)).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });

  it.each([
    ["seconds", "40"],
    ["date", new Date(START + 40_000).toUTCString()],
    ["absent", undefined],
  ] as const)("says when to come back: %s", (retryAfter, expected) => {
    const { quotas, clock } = testWorld({ quotas: { messagesPerMinute: 1, retryAfter } });
    quotas.spendMessage("p");
    clock.advance(20_000);
    // the date is one of the client's time, which has not moved
    expect(quotas.spendMessage("p")).toEqual({ retryAfter: expected });
    clock.advance(40_000);
    expect(quotas.spendMessage("p")).toBeUndefined();
  });

  it("is what it was at the start after a reset, and counts afresh", () => {
    const { quotas } = testWorld({ quotas: { messagesPerMinute: 1 } });
    quotas.limits.messagesPerMinute = 5;
    quotas.reset();
    expect([quotas.spendMessage("p"), quotas.spendMessage("p") === undefined]).toEqual([undefined, false]);
  });
});

describe("quotas of topics", () => {
  it("refuse more messages to one topic than it may have in a minute, and leave others alone", () => {
    const { send, clock } = testWorld({ quotas: { messagesPerTopicPerMinute: 1 } });
    const kinds = (): string[] =>
      ["/topics/a", "/topics/a", "/topics/b"].map((to) => {
        const decision = send(to);
        return decision.kind === "refused" ? decision.code : decision.kind;
      });
    expect(kinds()).toEqual(["accepted", "topics-message-rate-exceeded", "accepted"]);
    clock.advance(60_000);
    expect(kinds()[0]).toBe("accepted");
  });

  it("are not touched by a dry run", () => {
    const { send } = testWorld({ quotas: { messagesPerTopicPerMinute: 1 } });
    for (let n = 0; n < 3; n++) expect(send("/topics/a", { dryRun: true }).kind).toBe("accepted");
    expect(send("/topics/a").kind).toBe("accepted");
  });
});

describe("fan-outs", () => {
  function subscribed(quotas: NonNullable<Parameters<typeof testWorld>[0]>["quotas"], count = 10) {
    const world = testWorld({ ...(quotas === undefined ? {} : { quotas }) });
    const apps = Array.from({ length: count }, () => world.device());
    for (const app of apps) world.registry.subscribe(app, "news", 0, 2000);
    const received = (): number => apps.reduce((sum, app) => sum + app.received.length, 0);
    return { ...world, apps, received };
  }

  it("are at once unless a speed is set", () => {
    const { send, received } = subscribed({});
    send("/topics/news");
    expect(received()).toBe(10);
  });

  it("share the speed of their project, and each gets on", () => {
    const { send, received, clock, apps } = subscribed({ fanOutPerSecond: 40 });
    send("/topics/news", { data: { n: "a" } });
    send("/topics/news", { data: { n: "b" } });
    expect(received()).toBe(4);
    clock.advance(100);
    expect(received()).toBe(8);
    expect(apps.flatMap((app) => texts(app)).sort()).toEqual(["a", "a", "a", "a", "a", "a", "b", "b"]);
    clock.advance(300);
    expect(received()).toBe(20);
  });

  it("that are slower than one per portion still come to their end", () => {
    const { send, received, clock } = subscribed({ fanOutPerSecond: 4 });
    send("/topics/news");
    clock.advance(1000);
    expect(received()).toBe(4);
    clock.advance(10_000);
    expect(received()).toBe(10);
  });

  it("are refused beyond the number that may run, in that project alone", () => {
    const { send, clock } = subscribed({ fanOutPerSecond: 10, concurrentFanOuts: 2 });
    const codes = ["1234567890", "1234567890", "1234567890", "222"].map((senderId) => {
      const decision = send("/topics/news", { senderId });
      return decision.kind === "refused" ? decision.code : decision.kind;
    });
    expect(codes).toEqual(["accepted", "accepted", "topics-message-rate-exceeded", "accepted"]);
    clock.advance(10_000);
    expect(send("/topics/news").kind).toBe("accepted");
  });

  it("reach nobody who was removed meanwhile or whose message has expired, and end with a reset", () => {
    const { send, received, clock, apps, service, latest } = subscribed({ fanOutPerSecond: 10 });
    send("/topics/news", { timeToLiveSec: 1 });
    service.remove(apps[1] as never);
    clock.advance(5000);
    expect(received()).toBe(9);
    expect(latest().timeline.map(({ event }) => event)).toContain("discarded");
    send("/topics/news");
    service.reset();
    clock.advance(5000);
    expect(received()).toBe(10);
  });
});

import { createMemoryOutboxEngine, systemClock } from "@cloud-messaging/core/transport";
import { createGateway, type Gateway } from "@cloud-messaging/gateway";
import { afterEach, describe, expect, it } from "vitest";
import { acceptV1 } from "../support/fcm-v1-server.ts";
import { startGatewayWorld } from "../support/gateway-world.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function world(...args: Parameters<typeof startGatewayWorld>) {
  const started = await startGatewayWorld(...args);
  cleanups.push(async () => started[Symbol.asyncDispose]());
  return started;
}

async function readyz({ operationsPort }: Gateway): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${operationsPort}/readyz`);
  return `${response.status} ${await response.text()}`;
}

const tokens = (count: number) => Array.from({ length: count }, (_, n) => `token-${n}`);

describe("the gateway's /readyz", () => {
  it("is 503 while the messages that wait for the quota take too long, and then 200", async () => {
    const { gateway, clock, post } = await world(
      "1.1",
      { operations: { port: 0, maxQuotaWaitMs: 5_000 } },
      { quota: { perMinute: 60 }, maxRequests: 16 },
    );
    expect(await readyz(gateway)).toBe("200 ready\n");
    const answered = post({ registration_ids: tokens(12), data: { n: "1" } }).then((response) => response.json());
    let before = "";
    for (;;) {
      before = await readyz(gateway);
      if (before !== "200 ready\n") break;
    }
    expect(before).toMatch(
      /^503 The sender of shop is not ready: \d+ messages wait for the quota, which is \d+ ms; the/,
    );
    let done = false;
    void answered.then(() => {
      done = true;
    });
    while (!done) await clock.advance(1_000);
    expect(await answered).toMatchObject({ success: 12 });
    expect(await readyz(gateway)).toBe("200 ready\n");
  });

  it("is 503 while an outbox has too many messages", async () => {
    const engine = createMemoryOutboxEngine();
    const claim = engine.claim.bind(engine);
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    Object.assign(engine, { claim: (request: never) => released.then(() => claim(request)) });
    const { gateway, post } = await world("1.1", {
      clock: systemClock,
      operations: { port: 0, maxBacklog: 3 },
      outbox: { engine: () => engine },
    });
    await post({ registration_ids: tokens(2), data: { n: "1" } });
    expect(await readyz(gateway)).toBe("200 ready\n");
    await post({ registration_ids: tokens(1), data: { n: "2" } });
    expect(await readyz(gateway)).toBe(
      "503 The outbox of shop is not ready: 3 messages have no result; the limit is 3\n",
    );
    const results = gateway.outboxes.get("shop")?.results({ follow: true }) as AsyncIterable<unknown>;
    release();
    let settled = 0;
    for await (const _ of results) if (++settled === 3) break;
    expect(await readyz(gateway)).toBe("200 ready\n");
  });

  it("is 503 while as many messages as its limit have no answer", async () => {
    const { gateway, fcm, post } = await world("1.1", { operations: { port: 0, maxBacklog: 1 } });
    const held: (() => void)[] = [];
    fcm.otherwise = (exchange) => void held.push(() => acceptV1(exchange));
    const answered = post({ to: "token-1", data: { n: "1" } });
    await fcm.arrived(1);
    expect(await readyz(gateway)).toBe(
      "503 The sender of shop is not ready: 1 messages have no result; the limit is 1\n",
    );
    for (const answer of held) answer();
    expect((await answered).status).toBe(200);
  });

  it("refuses limits that are none", async () => {
    const operations = { port: 0, maxBacklog: 0, maxQuotaWaitMs: -1 };
    await expect(createGateway({ projects: {}, clients: [], http: false, operations })).rejects.toThrow(
      /operations\.maxBacklog: must be 1 or more.*operations\.maxQuotaWaitMs: must be above 0/s,
    );
  });
});

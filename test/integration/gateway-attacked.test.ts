import { createKey, hashKey } from "@cloud-messaging/gateway";
import { afterEach, describe, expect, it } from "vitest";
import { byToken, v1Error } from "../support/fcm-v1-server.ts";
import { KEY, SENDER_ID, startGatewayWorld } from "../support/gateway-world.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function world(...args: Parameters<typeof startGatewayWorld>) {
  const started = await startGatewayWorld(...args);
  cleanups.push(async () => started[Symbol.asyncDispose]());
  return started;
}

const throttled = (retryAfter: string) =>
  v1Error(429, "RESOURCE_EXHAUSTED", { errorCode: "QUOTA_EXCEEDED", headers: { "retry-after": retryAfter } });

describe("the gateway", () => {
  it("names the longest Retry-After of a multicast, and answers its other recipients", async () => {
    const { fcm, post, settle } = await world();
    fcm.otherwise = byToken({
      "token-5": throttled("90"),
      "token-150": throttled("120"),
      "token-199": throttled("60"),
    });
    const tokens = Array.from({ length: 200 }, (_, n) => `token-${n}`);
    const response = await settle(post({ registration_ids: tokens, data: { n: "1" } }));
    expect(response.headers.get("retry-after")).toBe("120");
    const { success, results } = (await response.json()) as { success: number; results: { error?: string }[] };
    expect(success).toBe(197);
    expect(results.flatMap(({ error }, n) => (error === undefined ? [] : [[n, error]]))).toEqual([
      [5, "Unavailable"],
      [150, "Unavailable"],
      [199, "Unavailable"],
    ]);
  });

  it("answers every request of both keys while a key is being changed, and none of the old key after it", async () => {
    const { gateway } = await world();
    const fresh = createKey();
    const client = { name: "web-shop", project: "shop", senderId: SENDER_ID };
    const send = async (key: string): Promise<number> => {
      const { status } = await fetch(`http://127.0.0.1:${gateway.httpPort}/fcm/send`, {
        method: "POST",
        headers: { authorization: `key=${key}`, "content-type": "application/json" },
        body: JSON.stringify({ to: "token-1", data: { n: "1" } }),
      });
      return status;
    };
    const many = (key: string) => Array.from({ length: 20 }, () => send(key));
    const before = many(KEY);
    await gateway.reload({ clients: [{ ...client, keys: [hashKey(KEY), hashKey(fresh)] }] });
    const during = [...many(KEY), ...many(fresh)];
    expect(new Set(await Promise.all([...before, ...during]))).toEqual(new Set([200]));
    const underWay = many(fresh);
    await gateway.reload({ clients: [{ ...client, keys: [hashKey(fresh)] }] });
    expect([await send(KEY), await send(fresh)]).toEqual([401, 200]);
    expect(new Set(await Promise.all(underWay))).toEqual(new Set([200]));
  });

  it("refuses a payload above the limit once, and not for each of a thousand recipients", async () => {
    const { fcm, post, events } = await world();
    const data = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`key${n}`, "0123456789"]));
    const tokens = Array.from({ length: 1000 }, (_, n) => `token-${n}`);
    const response = await post({ registration_ids: tokens, data });
    const { results } = (await response.json()) as { results: { error?: string }[] };
    expect(new Set(results.map(({ error }) => error))).toEqual(new Set(["MessageTooBig"]));
    expect([results.length, events.length, fcm.requests.length]).toEqual([1000, 1000, 0]);
  });
});

import { createBullmqEngine } from "@cloud-messaging/outbox-bullmq";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe } from "vitest";
import { type RedisServer, runsRedis, startRedis } from "../support/redis.ts";
import { outboxEngineContract } from "./outbox-engine.contract.ts";

/** A client whose scripts read a clock that the test sets. */
function clientWithClock(url: string) {
  const clock = { now: Date.now() };
  const client = new Redis(url);
  const { callBuffer } = client;
  client.callBuffer = ((...args: readonly unknown[]) => {
    const time = `{ ${Math.floor(clock.now / 1_000)}, ${(clock.now % 1_000) * 1_000} }`;
    const own = args.map((arg) => (typeof arg === "string" ? arg.replace("redis.call('TIME')", time) : arg));
    return callBuffer.apply(client, own as Parameters<typeof callBuffer>);
  }) as typeof callBuffer;
  return { client, clock };
}

/** Lets time pass for the keys that the server removes at their time: locks of jobs, and the wait between looks for those without. */
const PASS = `
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local left = redis.call('PTTL', key)
  if left > 0 then redis.call('PEXPIRE', key, math.max(0, left - ARGV[2])) end
end`;

describe.runIf(runsRedis)("an outbox engine on BullMQ", () => {
  let server: RedisServer;
  let count = 0;
  beforeAll(async () => {
    server = await startRedis({ appendfsync: "no" });
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  outboxEngineContract(
    "BullMQ",
    async () => {
      const prefix = `outbox-${count++}`;
      const { client, clock } = clientWithClock(server.url);
      return {
        open: async () => createBullmqEngine({ client, prefix }),
        async pass(ms) {
          clock.now += ms;
          await client.eval(PASS, 0, `{${prefix}}*`, ms);
        },
        async end() {
          await client.quit();
        },
      };
    },
    { runs: 20, tellsAges: false },
  );
});

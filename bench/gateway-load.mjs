// Does the gateway's memory stay flat? 100 CCS connections with 100 messages pending on each, for as long as asked. `npm run bench:gateway [-- --seconds 60]`

import { fork } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createGateway, hashKey } from "@cloud-messaging/gateway";
import { startCannedV1Server } from "./servers/fcm-v1.mjs";

const CONNECTIONS = 100;
const PENDING = 100;
const KEY = "AIzaSyBenchmark00000000000000000000000aa";
const SENDER_ID = "1234567890";
const TOKEN = `cTEST0123456789abcdefg:APA91b${"x".repeat(134)}`;
const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" }, gateway: { type: "boolean" } } });

if (values.gateway) await serve();
else await load(Number(values.seconds));

/** The gateway's process: FCM is told by the parent. */
async function serve() {
  const [{ origin, identity }] = await once(process, "message");
  const gateway = await createGateway({
    projects: {
      demo: {
        endpoint: origin,
        tls: { ca: identity.cert },
        projectId: "demo",
        credential: async () => "ya29.t",
        quota: { perMinute: 100_000_000 },
        // handshakes of many more at once take longer than their time limit on a machine that has other work
        maxRequests: 64,
      },
    },
    clients: [{ name: "bench", keys: [hashKey(KEY)], project: "demo", senderId: SENDER_ID }],
    http: false,
    ccs: { port: 0, tls: identity },
  });
  process.on("message", () => {
    globalThis.gc();
    const { rss, heapUsed } = process.memoryUsage();
    process.send({
      rss,
      heapUsed,
      cpu: process.cpuUsage(),
      connections: gateway.ccsConnections,
      underWay: gateway.underWay,
    });
  });
  process.once("disconnect", () => process.exit());
  process.send({ port: gateway.ccsPort });
}

async function load(seconds) {
  const fcm = await startCannedV1Server(50);
  const child = fork(new URL(import.meta.url), ["--gateway"], { execArgv: ["--expose-gc"] });
  const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`the gateway ended with ${code}`)));
  ended.catch(() => {});
  const ask = async (message) => {
    child.send(message);
    const [answer] = await Promise.race([once(child, "message"), ended]);
    return answer;
  };
  const { port } = await ask(fcm.value);
  const clients = Array.from({ length: CONNECTIONS }, () =>
    createCcsClient({
      host: "127.0.0.1",
      port,
      tls: { ca: fcm.value.identity.cert },
      senderId: SENDER_ID,
      apiKey: KEY,
      maxPendingMessages: PENDING,
      maxWaiting: PENDING,
    }),
  );
  let over = false;
  let acked = 0;
  const sending = clients.map((client) =>
    Promise.all(
      Array.from({ length: PENDING }, async () => {
        while (!over) {
          const { outcomes } = await client.send({ target: { token: TOKEN }, data: { n: "1" } });
          if (outcomes[0].kind !== "accepted") throw new Error(JSON.stringify(outcomes[0]));
          acked++;
        }
      }),
    ),
  );
  console.log(
    "| after | acked | CPU µs per message | heap | RSS | connections | pending |\n|---|---|---|---|---|---|---|",
  );
  const startedAt = performance.now();
  let before = { acked: 0, cpuUs: 0 };
  for (let sample = 1; sample <= 6; sample++) {
    await new Promise((resolve) =>
      setTimeout(resolve, Math.max(0, startedAt + (sample * seconds * 1000) / 6 - performance.now())),
    );
    const { rss, heapUsed, cpu, connections, underWay } = await ask({});
    const cpuUs = cpu.user + cpu.system;
    const mb = (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MB`;
    const perMessage = ((cpuUs - before.cpuUs) / Math.max(1, acked - before.acked)).toFixed(0);
    const after = `${((performance.now() - startedAt) / 1000).toFixed(0)} s`;
    console.log(`| ${[after, acked, perMessage, mb(heapUsed), mb(rss), connections, underWay].join(" | ")} |`);
    before = { acked, cpuUs };
  }
  over = true;
  await Promise.all(sending);
  await Promise.all(clients.map((client) => client.close()));
  child.disconnect();
  fcm.close();
}

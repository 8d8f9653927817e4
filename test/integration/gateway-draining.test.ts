import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { startEmulator } from "@cloud-messaging/emulator";
import { hashKey } from "@cloud-messaging/gateway";
import { afterEach, describe, expect, it } from "vitest";
import { createTestCertificates } from "../support/fault-server-certificates.ts";
import { acceptV1, startV1Server, type V1Exchange } from "../support/fcm-v1-server.ts";
import { startGatewayProgram } from "../support/gateway-program.ts";

const KEY = "AIzaSyGateway000000000000000000000000aa";
const SENDER_ID = "1234567890";
const CLIENTS = 10;
const EACH = 40;
/** Messages of a client under way at once: others are still to be sent when a drain begins. */
const UNDER_WAY = 5;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A port that leads where it is told, for connections that come from then on. */
async function aBalancer() {
  let target = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const to = connect(target, "127.0.0.1");
    for (const socket of [client, to]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => {
        client.destroy();
        to.destroy();
      });
    }
    client.pipe(to).pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as { port: number }).port,
    leadTo(port: unknown): void {
      target = port as number;
    },
  };
}

/** Writes the config of a gateway with one project and one client, for ports of its own. */
async function aConfig(
  {
    credential,
    ...rest
  }: ReturnType<Awaited<ReturnType<typeof startEmulator>>["fcmOptions"]> & { maxRequests?: number },
  ports: (certificate: object) => object,
) {
  const folder = await mkdtemp(join(tmpdir(), "gateway-draining-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const { server, ca } = await createTestCertificates();
  const config = join(folder, "gateway.json");
  await writeFile(join(folder, "account.json"), JSON.stringify(credential));
  await writeFile(join(folder, "cert.pem"), server.cert);
  await writeFile(join(folder, "key.pem"), server.key);
  await writeFile(
    config,
    JSON.stringify({
      projects: { shop: { ...rest, credential: "account.json" } },
      clients: [{ name: "web-shop", keys: [hashKey(KEY)], project: "shop", senderId: SENDER_ID }],
      ...ports({ cert: "cert.pem", key: "key.pem" }),
    }),
  );
  return { config, ca };
}

describe("a gateway that drains while ten CCS clients send", () => {
  it("loses nothing on SIGHUP and SIGTERM, and makes no copy but of what it left unanswered", async () => {
    const emulator = await startEmulator({ ccsPort: false });
    cleanups.push(() => emulator.close());
    const { config, ca } = await aConfig({ ...emulator.fcmOptions(), maxRequests: 8 }, (tls) => ({
      http: false,
      ccs: { port: 0, tls },
    }));
    const [first, second] = [startGatewayProgram(["--config", config]), startGatewayProgram(["--config", config])];
    cleanups.push(() => Promise.all([first.kill(), second.kill()]));
    const { port, leadTo } = await aBalancer();
    leadTo((await first.line('"listening"'))["ccs"]);
    const elsewhere = (await second.line('"listening"'))["ccs"];

    const phone = emulator.createDevice();
    const outcomes: { readonly kind: string; readonly unansweredCopies?: number }[] = [];
    const sending = Array.from({ length: CLIENTS }, (_, c) => {
      const client = createCcsClient({
        host: "127.0.0.1",
        port,
        tls: { ca },
        senderId: SENDER_ID,
        apiKey: KEY,
        retry: { minMs: 0, initialMs: 1 },
      });
      cleanups.push(() => client.close());
      const ids = Array.from({ length: EACH }, (__, n) => `${c}-${n}`).values();
      return Array.from({ length: UNDER_WAY }, async () => {
        for (const id of ids) {
          const { outcome } = await client.send({ target: { token: phone.token }, data: { id } });
          outcomes.push(outcome);
        }
      });
    }).flat();
    await emulator.inbox.waitFor({ count: 50 });
    first.child.kill("SIGHUP");
    await first.line('"reloaded"');
    await emulator.inbox.waitFor({ count: 150 });
    leadTo(elsewhere);
    first.child.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    await Promise.all(sending);

    expect(outcomes.filter(({ kind }) => kind !== "accepted")).toEqual([]);
    // beside the checks of the credential, which have no data
    const ids = emulator.inbox.messages.flatMap(({ data }) => data["id"] ?? []);
    expect(new Set(ids).size).toBe(CLIENTS * EACH);
    const unanswered = outcomes.reduce((sum, { unansweredCopies = 0 }) => sum + unansweredCopies, 0);
    expect(ids.length).toBeLessThanOrEqual(CLIENTS * EACH + unanswered);
    // both were in use
    expect(second.output()).toContain('"result":"accepted"');
  });
});

describe("a gateway that ends while FCM answers a multicast", () => {
  it("answers every recipient after SIGTERM, and takes no further request", async () => {
    await using fcm = await startV1Server();
    await using emulator = await startEmulator({ ccsPort: false });
    const { credential, ...rest } = emulator.fcmOptions();
    const project = {
      ...rest,
      credential: { ...credential, token_uri: `${fcm.origin}/token` },
      endpoint: fcm.origin,
      tls: { ca: fcm.ca },
      maxRequests: 4,
    };
    const { config } = await aConfig(project, () => ({ http: { port: 0 } }));
    const held: V1Exchange[] = [];
    const fourAreHeld = new Promise<void>((resolve) => {
      fcm.otherwise = (exchange) => {
        // the check of the credential goes through
        if (!exchange.request.body.includes('"held-')) acceptV1(exchange);
        else if (held.push(exchange) === 4) resolve();
      };
    });
    const program = startGatewayProgram(["--config", config]);
    cleanups.push(() => program.kill());
    const { http } = await program.line('"listening"');
    const tokens = Array.from({ length: 20 }, (_, i) => `held-${i}`);
    const post = () =>
      fetch(`http://127.0.0.1:${http}/fcm/send`, {
        method: "POST",
        headers: { authorization: `key=${KEY}`, "content-type": "application/json" },
        body: JSON.stringify({ registration_ids: tokens, data: { n: "1" } }),
      });
    const answered = post();
    // the other sixteen wait for their turn
    await Promise.race([fourAreHeld, program.ended]);
    program.child.kill("SIGTERM");
    await program.line('"closing"');
    await expect(post()).rejects.toThrow();
    fcm.otherwise = acceptV1;
    for (const exchange of held) acceptV1(exchange);
    const answer = (await (await answered).json()) as { results: { message_id: string }[] };
    expect(answer).toMatchObject({ success: 20, failure: 0 });
    expect(answer.results.map(({ message_id: id }) => id)).toEqual(tokens.map((token) => `0:${token}`));
    expect(await program.ended).toBe(0);
    const sent = fcm.requests.flatMap(({ body }) => /"token":"(held-\d+)"/.exec(body)?.[1] ?? []);
    expect(sent.sort()).toEqual([...tokens].sort());
  });
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createMemoryOutboxEngine } from "@cloud-messaging/core/transport";
import { startEmulator } from "@cloud-messaging/emulator";
import { createGateway, type GatewayEvent, type GatewayOptions, hashKey } from "@cloud-messaging/gateway";
import { createEmbeddedEngine } from "@cloud-messaging/outbox";
import { afterEach, describe, expect, it } from "vitest";
import { createTestCertificates } from "../support/fault-server-certificates.ts";
import { startGatewayProgram } from "../support/gateway-program.ts";

const KEY = "AIzaSyGateway000000000000000000000000aa";
const SENDER_ID = "1234567890";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function anEmulator() {
  const emulator = await startEmulator({ ccsPort: false });
  cleanups.push(() => emulator.close());
  return emulator;
}

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gateway-outbox-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function start(
  emulator: Awaited<ReturnType<typeof anEmulator>>,
  engine: NonNullable<GatewayOptions["outbox"]>["engine"],
) {
  const { server, ca } = await createTestCertificates();
  const events: GatewayEvent[] = [];
  const gateway = await createGateway({
    projects: { shop: { ...emulator.fcmOptions(), maxRequests: 8 } },
    clients: [{ name: "web-shop", keys: [hashKey(KEY)], project: "shop", senderId: SENDER_ID }],
    http: { port: 0 },
    ccs: { port: 0, tls: server },
    answerTimeoutMs: 100_000,
    outbox: { engine },
    onEvent: (event) => events.push(event),
  });
  cleanups.push(() => gateway.close());
  const post = async (body: object) => {
    const response = await fetch(`http://127.0.0.1:${gateway.httpPort}/fcm/send`, {
      method: "POST",
      headers: { authorization: `key=${KEY}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return (await response.json()) as { success: number; results: { message_id?: string; error?: string }[] };
  };
  return { gateway, events, post, client: () => ccsClient(gateway.ccsPort as number, ca) };
}

function ccsClient(port: number, ca: string) {
  const client = createCcsClient({
    host: "127.0.0.1",
    port,
    tls: { ca },
    senderId: SENDER_ID,
    apiKey: KEY,
    retry: { minMs: 0, initialMs: 1 },
  });
  cleanups.push(() => client.close());
  return client;
}

describe("the gateway with an outbox", () => {
  it("answers when a message is stored, before it is sent", async () => {
    const emulator = await anEmulator();
    const phone = emulator.createDevice();
    const engine = createMemoryOutboxEngine();
    const claim = engine.claim.bind(engine);
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    Object.assign(engine, { claim: (request: never) => released.then(() => claim(request)) });
    const { post, events } = await start(emulator, () => engine);
    const answer = await post({ registration_ids: [phone.token, "no token"], data: { n: "1" } });
    expect(answer.results).toEqual([
      { message_id: expect.stringMatching(/^0:/) as string },
      { error: "InvalidRegistration" },
    ]);
    expect(phone.received).toHaveLength(0);
    release();
    await phone.waitFor(({ data }) => data["n"] === "1");
    expect(events).toContainEqual(
      expect.objectContaining({ type: "answered", messageId: answer.results[0]?.message_id }),
    );
  });

  it("tells later results to whoever reads them, and validates at once what is only to be validated", async () => {
    const emulator = await anEmulator();
    const gone = emulator.createDevice();
    gone.unregister();
    const { gateway, post } = await start(emulator, () => createMemoryOutboxEngine());
    const answer = await post({ to: gone.token, data: { n: "1" } });
    expect(answer.success).toBe(1);
    const results = gateway.outboxes.get("shop")?.results({ follow: true }) as AsyncIterable<{ id: string }>;
    for await (const result of results) {
      expect(result).toMatchObject({ outcome: { kind: "unregistered", recipient: gone.token } });
      expect(`0:${result.id}`).toBe(answer.results[0]?.message_id);
      break;
    }
    expect((await post({ to: gone.token, dry_run: true })).results).toEqual([{ error: "NotRegistered" }]);
  });

  it("recognises a message_id that is repeated after a restart, and sends another message under it", async () => {
    const emulator = await anEmulator();
    const phone = emulator.createDevice();
    const folder = await aFolder();
    for (const n of ["1", "1", "2"]) {
      const { gateway, client } = await start(emulator, (project) =>
        createEmbeddedEngine({ path: join(folder, project) }),
      );
      const ccs = client();
      const report = await ccs.send({ target: { token: phone.token }, data: { n }, messageId: "order-7" });
      expect(report.outcome.kind).toBe("accepted");
      await ccs.close();
      await phone.waitFor(({ data }) => data["n"] === n);
      await gateway.close();
    }
    expect(emulator.inbox.messages.map(({ data }) => data["n"])).toEqual(["1", "2"]);
  });
});

describe("the gateway's program with an outbox", () => {
  async function aConfig(emulator: Awaited<ReturnType<typeof anEmulator>>) {
    const folder = await aFolder();
    const { server, ca } = await createTestCertificates();
    const { credential, ...rest } = emulator.fcmOptions();
    const config = join(folder, "gateway.json");
    await Promise.all([
      writeFile(join(folder, "account.json"), JSON.stringify(credential)),
      writeFile(join(folder, "cert.pem"), server.cert),
      writeFile(join(folder, "key.pem"), server.key),
      writeFile(
        config,
        JSON.stringify({
          projects: { shop: { ...rest, maxRequests: 8, credential: "account.json" } },
          clients: [{ name: "web-shop", keys: [hashKey(KEY)], project: "shop", senderId: SENDER_ID }],
          http: false,
          ccs: { port: 0, tls: { cert: "cert.pem", key: "key.pem" } },
          outbox: { path: "outbox" },
        }),
      ),
    ]);
    return { config, ca };
  }

  function run(config: string) {
    const program = startGatewayProgram(["--config", config]);
    cleanups.push(() => program.kill());
    return program;
  }

  it("delivers or tells every message that it acked before it was killed, and logs no whole token", async () => {
    const emulator = await anEmulator();
    const phone = emulator.createDevice();
    const gone = emulator.createDevice();
    gone.unregister();
    const { config, ca } = await aConfig(emulator);
    const first = run(config);
    const { ccs } = await first.line('"listening"');
    const clients = Array.from({ length: 5 }, () => ccsClient(ccs as number, ca));
    const acked: string[] = [];
    const sends = clients.flatMap((client, c) =>
      Array.from({ length: 100 }, async (_, n) => {
        const id = `${c}-${n}`;
        const { token } = n % 10 === 0 ? gone : phone;
        const { outcome } = await client.send(
          { target: { token }, data: { id }, messageId: id },
          { timeoutMs: 60_000 },
        );
        if (outcome.kind === "accepted") acked.push(id);
        if (acked.length === 150) first.child.kill("SIGKILL");
      }),
    );
    await first.ended;
    await Promise.all(clients.map((client) => client.close()));
    await Promise.allSettled(sends);
    expect(acked.length).toBeGreaterThanOrEqual(150);
    expect(acked.length, "it was killed while they sent").toBeLessThan(500);

    const second = run(config);
    const isGone = (id: string) => Number(id.split("-")[1]) % 10 === 0;
    for (const id of acked) {
      if (isGone(id)) {
        const wasTold = first.lines('"result"').some(({ messageId }) => messageId === id);
        const told = wasTold || (await second.line('"result"', ({ messageId }) => messageId === id));
        expect(told).toBeTruthy();
      } else await phone.waitFor(({ data }) => data["id"] === id);
    }
    expect(await second.kill("SIGTERM")).toBe(0);
    const logs = first.output() + second.output();
    for (const secret of [phone.token, gone.token, KEY]) expect(logs).not.toContain(secret);
  });

  it("names the field of an outbox that is wrong", async () => {
    const folder = await aFolder();
    const config = join(folder, "gateway.json");
    await writeFile(config, JSON.stringify({ projects: {}, clients: [], outbox: { path: "x", keep: 1 } }));
    const program = run(config);
    expect(await program.ended).toBe(2);
    expect(program.output()).toMatch(/outbox\.keep/);
  });
});

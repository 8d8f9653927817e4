import { generateKeyPairSync } from "node:crypto";
import {
  createDeviceGroups,
  createFcmSender,
  createGcmSender,
  createTopics,
  type FcmSenderOptions,
} from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";
import { answer, type FaultServer, startFaultServer } from "../support/fault-server.ts";
import { startV1Server } from "../support/fcm-v1-server.ts";

const BYTES = 4_000_000;
const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});

/** Pages of one part, repeated: tags, JSON that is never closed, characters of two bytes, lines. */
const PARTS = ["<title", "[", "é", "id=\n"];
const toOne = { target: { token: "tok" } } as const;
const once = { maxAttempts: 1 };
const v1: FcmSenderOptions = {
  projectId: "demo",
  credential: async () => "ya29.t",
  retry: once,
  maxResponseBytes: 2 ** 23,
};

/** One call of every client, to a server at the origin. */
const CALLS: Readonly<Record<string, (origin: string) => Promise<unknown>>> = {
  "FCM v1": async (endpoint) => {
    await using sender = createFcmSender({ ...v1, endpoint });
    return sender.send(toOne);
  },
  "GCM HTTP": async (origin) => {
    await using sender = createGcmSender({ apiKey: "AIza-EXAMPLE", endpoint: `${origin}/gcm/send`, retry: once });
    return sender.send(toOne);
  },
  "GCM HTTP as plain text": async (origin) => {
    const endpoint = `${origin}/gcm/send`;
    await using sender = createGcmSender({ apiKey: "AIza-EXAMPLE", endpoint, retry: once, format: "plain-text" });
    return sender.send(toOne);
  },
  "topic subscriptions": async (endpoint) => {
    const { projectId, credential } = v1;
    const options = { projectId: projectId as string, credential: credential as () => Promise<string>, retry: once };
    await using topics = createTopics({ ...options, backend: "topic-subscriptions", endpoint });
    return topics.subscribe("news", ["tok"]);
  },
  "Instance ID": async (endpoint) => {
    await using topics = createTopics({ backend: "instance-id", apiKey: "AIza-EXAMPLE", endpoint, retry: once });
    return [await topics.subscribe("news", ["tok"]), await topics.info("tok")];
  },
  "device groups": async (origin) => {
    const endpoint = `${origin}/fcm/notification`;
    await using groups = createDeviceGroups({ senderId: "1", apiKey: "AIza-EXAMPLE", endpoint, retry: once });
    return groups.create("n", ["tok"]);
  },
  "the token endpoint": async (origin) => {
    const credential = {
      client_email: "a@b",
      private_key: privateKey,
      project_id: "demo",
      token_uri: `${origin}/token`,
    };
    await using sender = createFcmSender({ ...v1, credential, endpoint: "http://127.0.0.1:1" });
    return sender.send(toOne);
  },
};

/** Processor time that a call takes. Unit: milliseconds. */
async function cpuMs(call: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

async function withPages(server: Pick<FaultServer, "otherwise">, call: () => Promise<unknown>): Promise<void> {
  for (const part of PARTS) {
    const page = part.repeat(BYTES / Buffer.byteLength(part));
    for (const status of [200, 503]) {
      server.otherwise = answer(status, page);
      // tens of milliseconds; 1.2 seconds for the brackets when they were parsed to the end
      expect(await cpuMs(call), `${status} ${JSON.stringify(part)}`).toBeLessThan(800);
    }
  }
}

describe("an answer of four megabytes, of whatever it consists,", () => {
  it.each(Object.entries(CALLS))("takes little time to read: %s", async (_name, call) => {
    await using server = await startFaultServer();
    await withPages(server, () => call(server.origin));
  });

  it("takes little time to read over HTTP/2 too", async () => {
    await using server = await startV1Server();
    for (const part of ["<title", "[", "é"]) {
      server.otherwise = ({ answer: write }) => write(503, part.repeat(BYTES / Buffer.byteLength(part)));
      await using sender = createFcmSender({
        ...v1,
        endpoint: server.origin,
        tls: { ca: server.ca },
        httpVersion: "2",
      });
      expect(await cpuMs(() => sender.send(toOne))).toBeLessThan(800);
    }
  });
});

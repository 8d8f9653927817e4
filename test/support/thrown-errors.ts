import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createHttpApp, gcmHttpRoutes, type MessagingService } from "@cloud-messaging/connection-server";
import { createMemoryRegistrationStore } from "@cloud-messaging/core";
import {
  createMemoryOutboxEngine,
  createOutbox,
  loadOptionalPackage,
  parseCondition,
} from "@cloud-messaging/core/transport";
import { startEmulator } from "@cloud-messaging/emulator";
import { openForwarder } from "@cloud-messaging/gateway";
import { createFcmSender, createGcmSender } from "@cloud-messaging/http-sender";
import { createEmbeddedEngine } from "@cloud-messaging/outbox";
import { createLmdbRegistrationStore } from "@cloud-messaging/store-lmdb";
import { CcsPeer } from "../integration/emulator-ccs-peer.ts";
import { programEnvironment } from "./program-environment.ts";

const message = { target: { token: "a-token" } };
const aSender = (options: object = {}) =>
  createGcmSender({ apiKey: "any", endpoint: "http://127.0.0.1:1", ...options });

/** Calls that go wrong: each rejects with the error of its code. `file` names a file that is no folder and no JSON. */
export const MISTAKES: Readonly<Record<string, (file: string) => Promise<unknown>>> = {
  ERR_INVALID_MESSAGE: () => aSender().send({ ...message, data: { from: "ada" } }),
  ERR_INVALID_OPTIONS: async () => aSender({ timeout: 10_000 }),
  ERR_INVALID_REGISTRATION: async () => createMemoryRegistrationStore().register("ada", "not a token"),
  ERR_TOO_MANY_WAITING: async () => {
    await using sender = aSender({ endpoint: "http://127.0.0.1:2", maxWaiting: 1, retry: false });
    return await Promise.all([sender.send(message), sender.send(message)]);
  },
  ERR_CLOSED: async () => {
    const sender = aSender();
    await sender.close();
    return sender.send(message);
  },
  ERR_ABORTED: () => aSender().send(message, { signal: AbortSignal.abort() }),
  ERR_AUTHENTICATION: async () => {
    await using emulator = await startEmulator({ apiKeys: ["the-key"] });
    await using client = createCcsClient({ ...emulator.ccsOptions(), apiKey: "another-key" });
    return await client.ready();
  },
  ERR_CONNECTION: async () => {
    await using emulator = await startEmulator({ ccsPort: false, httpsPort: false });
    return await startEmulator({ httpPort: Number(new URL(emulator.httpUrl).port) });
  },
  ERR_DECISION_TIMEOUT: () =>
    new Promise((_, reject) => {
      const service: MessagingService = {
        authenticate: () => ({ kind: "sender" }),
        submit: () => new Promise(() => {}),
      };
      const routes = gcmHttpRoutes({ service, decisionTimeoutMs: 1, onServiceFailure: reject });
      const app = createHttpApp(routes, { handshakeTimeoutMs: 10_000 });
      void app.listen({ host: "127.0.0.1", port: 0 }).then(async (server) => {
        await using sender = aSender({
          endpoint: `http://127.0.0.1:${server.port}/fcm/send`,
          retry: { maxAttempts: 1 },
        });
        await sender.send(message);
        await server.close();
      });
    }),
  ERR_REGISTRATION_STORE: async () => {
    const failing = {
      ...createMemoryRegistrationStore(),
      registrationsOf: () => Promise.reject(new Error("the database is away")),
    };
    return aSender({ registrations: failing }).sendToUser("ada", {});
  },
  ERR_STORE_FULL: async () => {
    const store = createMemoryRegistrationStore({ maxRegistrations: 1 });
    for (const user of ["ada", "grace"]) store.register(user, `token-of-${user}`);
  },
  ERR_CHANGES_LOST: async () => {
    const store = createMemoryRegistrationStore({ maxChanges: 1 });
    const { cursor } = store.changes({ from: "newest", limit: 1 });
    for (const user of ["ada", "grace", "mary"]) store.register(user, "one-phone");
    store.register("ada", "one-phone");
    return store.changes({ from: cursor, limit: 10 });
  },
  ERR_LMDB_STORE: async (file) => createLmdbRegistrationStore({ path: file }),
  ERR_OUTBOX_FULL: async () => {
    await using outbox = createOutbox({ engine: createMemoryOutboxEngine(), maxBacklog: 1 });
    await outbox.enqueue(message);
    await outbox.enqueue(message);
  },
  ERR_OUTBOX_STORAGE: async (file) => createEmbeddedEngine({ path: file }),
  ERR_CONDITION_SYNTAX: async () => parseCondition("'news' in topic"),
  ERR_DEVICE_QUEUE_FULL: async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice({ connected: false });
    for (let n = 0; n <= 20; n++) device.sendUpstream({}).acked.catch(() => {}); // lost when the emulator closes
  },
  ERR_PROTOCOL_VIOLATION: async () => {
    const emulator = await startEmulator({ strict: true, ccs: { autoAck: false, maxPending: 1 } });
    const peer = await CcsPeer.login(emulator.ccsOptions());
    for (const id of ["m-1", "m-2"]) peer.gcm({ to: "a-token", message_id: id });
    await peer.next();
    await emulator.close().finally(() => peer.ended());
  },
  ERR_STATE_NOT_SAVED: async (file) => {
    const folder = join(dirname(file), "state");
    mkdirSync(folder);
    const emulator = await startEmulator({ stateFile: join(folder, "state.json") });
    emulator.createDevice();
    rmSync(folder, { recursive: true });
    await emulator.close();
  },
  ERR_UPSTREAM_LOST: async () => {
    const emulator = await startEmulator();
    const { acked } = emulator.createDevice().sendUpstream({ order: "coffee" }, { messageId: "u-1" });
    await Promise.all([acked, emulator.close()]);
  },
  ERR_CONFIG: async (file) => openForwarder(file),
  ERR_MISSING_PACKAGE: () => {
    const require = createRequire(import.meta.url);
    return loadOptionalPackage("@cloud-messaging/none", async () => require("@cloud-messaging/none"));
  },
  ERR_REDIRECT_SETUP: async (file) => {
    const child = execFile(process.execPath, ["--import", "@cloud-messaging/emulator/redirect", file], {
      cwd: import.meta.dirname,
      env: programEnvironment({ CLOUD_MESSAGING_EMULATOR_HOST: "" }),
    });
    let printed = "";
    child.stderr?.on("data", (text) => {
      printed += text;
    });
    await once(child, "close");
    const [, text = printed] = /RedirectSetupError: (.*)/.exec(printed) ?? [];
    throw Object.assign(new Error(text), { code: /code: '(\w+)'/.exec(printed)?.[1] });
  },
};

/** Calls that are warned of: each with the warning of its code. */
export const WARNED: Readonly<Record<string, () => Promise<unknown>>> = {
  CLOUD_MESSAGING_EMULATOR: async () => {
    process.env["CLOUD_MESSAGING_EMULATOR_HOST"] = "127.0.0.1:8095";
    const sender = createGcmSender({ apiKey: "any" });
    delete process.env["CLOUD_MESSAGING_EMULATOR_HOST"];
    await sender.close();
  },
  CLOUD_MESSAGING_UNREACHABLE: async () => {
    await using sender = aSender({ retry: { maxAttempts: 1 } });
    await sender.send(message);
  },
  CLOUD_MESSAGING_NO_V1_EQUIVALENT: async () => {
    await using emulator = await startEmulator();
    await using sender = createFcmSender(emulator.fcmOptions());
    await sender.send({ target: { token: emulator.createDevice().token }, delayWhileIdle: true });
  },
};

/** Text of what goes wrong, with the names of a machine replaced by those of the page. */
export async function thrownBy(code: string): Promise<Error & { readonly code?: string; readonly docs?: string }> {
  const folder = mkdtempSync(join(tmpdir(), "thrown-errors-"));
  const file = join(folder, "file.txt");
  writeFileSync(file, "no JSON");
  try {
    await MISTAKES[code]?.(file);
    throw new Error(`nothing was thrown for ${code}`);
  } catch (error) {
    const thrown = error as Error;
    thrown.message = thrown.message
      .replaceAll(folder, "/data")
      .replace(/port \d+/, "port 8095")
      .replace(/\.[\da-f-]{36}(?=\.draft)/, "");
    return thrown;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

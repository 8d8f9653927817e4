import { generateKeyPairSync } from "node:crypto";
import { createManualClock, type ManualClock } from "@cloud-messaging/core";
import { createGateway, type Gateway, type GatewayEvent, type GatewayOptions, hashKey } from "@cloud-messaging/gateway";
import { CcsPeer, type PeerOptions } from "../integration/emulator-ccs-peer.ts";
import { createTestCertificates, type TestCertificates } from "./fault-server-certificates.ts";
import { startV1Server, type V1Server } from "./fcm-v1-server.ts";
import { retryAnnouncements } from "./retry-announcements.ts";

/** Key of the client of a {@link GatewayWorld}. */
export const KEY = "AIzaSyGateway000000000000000000000000aa";
/** Its sender ID. */
export const SENDER_ID = "1234567890";

let certificates: Promise<TestCertificates> | undefined;
let privateKey: string | undefined;

/** A gateway on a manual clock, with one client, before an FCM that does what it is told. */
export interface GatewayWorld extends AsyncDisposable {
  readonly fcm: V1Server;
  readonly gateway: Gateway;
  readonly clock: ManualClock;
  readonly events: readonly GatewayEvent[];
  /** Sends over GCM HTTP. */
  post(body: unknown): Promise<Response>;
  /** Address and login of its CCS. */
  readonly ccs: PeerOptions;
  /** Logs in to CCS. */
  login(): Promise<CcsPeer>;
  /** Moves time on where the gateway waits before another attempt, and by so much after each call of `silent`, until a promise settles. */
  settle<T>(answered: Promise<T>): Promise<T>;
  /** Told that FCM leaves a request without an answer. */
  silent(): void;
}

/**
 * @param httpVersion Version that the gateway speaks to FCM.
 * @param options Options of the gateway, in place of the world's.
 * @param sender Options of its sender, likewise.
 */
export async function startGatewayWorld(
  httpVersion: "1.1" | "2" = "1.1",
  options: Partial<GatewayOptions> = {},
  sender: Partial<GatewayOptions["projects"][string]> = {},
): Promise<GatewayWorld> {
  certificates ??= createTestCertificates(["127.0.0.1", "fcm-xmpp.googleapis.com"]);
  privateKey ??= generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  }).privateKey;
  const { server: tls, ca } = await certificates;
  const clock = createManualClock();
  const fcm = await startV1Server();
  const events: GatewayEvent[] = [];
  const gateway = await createGateway({
    projects: {
      shop: {
        endpoint: fcm.origin,
        tls: { ca: fcm.ca },
        httpVersion,
        // few connections: on a busy machine a hundred handshakes at once take longer than the real time that each has
        maxRequests: 8,
        random: () => 0,
        credential: {
          type: "service_account",
          project_id: "demo",
          client_email: "gateway@demo.iam.gserviceaccount.com",
          private_key: privateKey as string,
          token_uri: `${fcm.origin}/token`,
        },
        ...sender,
      },
    },
    clients: [{ name: "web-shop", keys: [hashKey(KEY)], project: "shop", senderId: SENDER_ID }],
    http: { port: 0 },
    ccs: { port: 0, tls },
    clock,
    onEvent: (event) => events.push(event),
    ...options,
  });
  const ccs = { host: "127.0.0.1", port: gateway.ccsPort as number, tls: { ca }, senderId: SENDER_ID, apiKey: KEY };
  const announced = retryAnnouncements();
  const silences: (() => void)[] = [];
  let silent = new Promise<void>((resolve) => silences.push(resolve));
  return {
    fcm,
    gateway,
    clock,
    events,
    post: (body) =>
      fetch(`http://127.0.0.1:${gateway.httpPort}/fcm/send`, {
        method: "POST",
        headers: { authorization: `key=${KEY}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    ccs,
    login: () => CcsPeer.login(ccs),
    silent: () => silences.at(-1)?.(),
    async settle(answered) {
      const done = answered.then((value) => ({ value }));
      let retry = announced.next();
      for (;;) {
        const next = await Promise.race([done, retry, silent]);
        if (next === undefined) {
          silent = new Promise<void>((resolve) => silences.push(resolve));
          await clock.advance(REQUEST_TIMEOUT_MS);
        } else if ("value" in next) return next.value;
        else {
          retry = announced.next();
          await clock.advance(next.delayMs);
        }
      }
    },
    async [Symbol.asyncDispose]() {
      announced.stop();
      await closeWith(gateway, clock);
      await fcm.close();
    },
  };
}

/** Time limit of one request to FCM: the default of the sender. Unit: milliseconds. */
const REQUEST_TIMEOUT_MS = 15_000;

/** Closes, with time that passes until it has. */
async function closeWith(gateway: Gateway, clock: ManualClock): Promise<void> {
  let closed = false;
  const closing = gateway.close().finally(() => {
    closed = true;
  });
  while (!closed) await clock.advance(1000);
  await closing;
}

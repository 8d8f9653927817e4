import { createMemoryRegistrationStore } from "@cloud-messaging/core";
import { type EmulatedDevice, type Emulator, type EmulatorOptions, startEmulator } from "@cloud-messaging/emulator";
import { createGateway, hashKey } from "@cloud-messaging/gateway";
import { createTestCertificates, type TestCertificates } from "../support/fault-server-certificates.ts";
import type { Endpoint } from "./foreign-program.ts";

/** Key that the programs send with. */
export const API_KEY = "AIzaSyEXAMPLE-0123456789-0123456789-012";

/** Kinds of endpoints that speak the old protocols: the emulator itself, or the gateway, whose FCM the emulator is. */
export const TARGETS = ["emulator", "gateway"] as const;
export type TargetKind = (typeof TARGETS)[number];

/** An endpoint of the old protocols, and the phones behind it. */
export interface Target extends Endpoint, AsyncDisposable {
  readonly emulator: Emulator;
  /** Gives a device a new registration token: the endpoint knows of it, and says so to whoever sends to the old one. */
  reregister(device: EmulatedDevice): Promise<{ readonly old: string; readonly canonical: string }>;
}

const NAMES = ["127.0.0.1", "fcm.googleapis.com", "gcm-http.googleapis.com", "android.googleapis.com"];
const CCS_NAMES = ["gcm.googleapis.com", "fcm-xmpp.googleapis.com"];
let certificates: Promise<TestCertificates> | undefined;

/** Starts an endpoint with one client. */
export async function startTarget(kind: TargetKind, apiKey = API_KEY): Promise<Target> {
  const options: EmulatorOptions = kind === "emulator" ? { apiKeys: [apiKey] } : { ccsPort: false };
  const emulator = await startEmulator(options);
  if (kind === "emulator") {
    return {
      emulator,
      httpUrl: emulator.httpUrl,
      httpsUrl: emulator.httpsUrl,
      caCertificate: emulator.caCertificate,
      ccsOptions: () => emulator.ccsOptions(),
      reregister: async (device) => ({ old: device.token, canonical: device.reregister() }),
      [Symbol.asyncDispose]: () => emulator.close(),
    };
  }
  certificates ??= createTestCertificates([...NAMES, ...CCS_NAMES]);
  const { ca, server: tls } = await certificates;
  const registrations = createMemoryRegistrationStore();
  const gateway = await createGateway({
    // one attempt: what FCM refuses for the time being is seen by the client, whose own retry follows
    projects: { shop: { ...emulator.fcmOptions(), registrations, retry: false } },
    clients: [{ name: "server", keys: [hashKey(apiKey)], project: "shop", senderId: "1234567890" }],
    http: { port: 0, tls },
    ccs: { port: 0, tls },
  });
  const url = `https://127.0.0.1:${gateway.httpPort}`;
  return {
    emulator,
    httpUrl: url,
    httpsUrl: url,
    caCertificate: ca,
    ccsOptions: () => ({ host: "127.0.0.1", port: gateway.ccsPort as number }),
    async reregister(device) {
      const old = device.token;
      await registrations.register("user", old);
      const [state] = (await registrations.resolve([old as never])).states;
      const canonical = device.reregister();
      const replaced = { type: "replaced", token: old, revision: state?.revision, canonicalRegistrationId: canonical };
      await registrations.apply([replaced as never]);
      return { old, canonical };
    },
    async [Symbol.asyncDispose]() {
      await gateway.close();
      await emulator.close();
    },
  };
}

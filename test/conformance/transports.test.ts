import { createServer } from "node:net";
import { createCcsTransport } from "@cloud-messaging/ccs-client";
import type { ErrorCode } from "@cloud-messaging/core";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { createFcmV1Transport, createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { beforeAll } from "vitest";
import { type TransportSetup, transportContract } from "./transport.contract.ts";

/** A port that nobody listens on: it was free a moment ago. */
let closedPort = 0;
beforeAll(async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  closedPort = (server.address() as { port: number }).port;
  await new Promise((resolve) => server.close(resolve));
});

const REFUSALS = [
  ["not-registered", "unregistered"],
  ["unavailable", "retryable"],
  ["internal-error", "retryable"],
  ["device-message-rate-exceeded", "retryable"],
] as const satisfies readonly (readonly [ErrorCode, string])[];

function service(emulator: Emulator): Pick<TransportSetup, "freshToken" | "refuse" | "reached"> {
  return {
    freshToken: () => emulator.createDevice().token,
    refuse: (token, error) => emulator.faults.next({ token, error }),
    reached: (token) => emulator.inbox.messages.filter(({ to }) => to === token).length,
  };
}

transportContract(
  "GCM HTTP",
  async () => {
    const emulator = await startEmulator();
    const transport = createGcmHttpTransport(emulator.httpOptions());
    return {
      ...service(emulator),
      transport,
      fallSilent: () => emulator.faults.http({ kind: "hang", accept: true, times: Number.POSITIVE_INFINITY }),
      async [Symbol.asyncDispose]() {
        await transport.close();
        await emulator.close();
      },
    };
  },
  () => createGcmHttpTransport({ endpoint: `http://127.0.0.1:${closedPort}/fcm/send`, apiKey: "AIza-EXAMPLE" }),
  { refusals: [...REFUSALS, ["mismatch-sender-id", "rejected"], ["invalid-registration", "unregistered"]] },
);

for (const httpVersion of ["2", "1.1"] as const) {
  transportContract(
    `FCM v1 over HTTP/${httpVersion}`,
    async () => {
      const emulator = await startEmulator({ ccsPort: false });
      const transport = createFcmV1Transport({ ...emulator.fcmOptions(), httpVersion });
      return {
        ...service(emulator),
        transport,
        fallSilent: () => emulator.faults.http({ kind: "hang", accept: true, times: Number.POSITIVE_INFINITY }),
        async [Symbol.asyncDispose]() {
          await transport.close();
          await emulator.close();
        },
      };
    },
    () =>
      createFcmV1Transport({
        endpoint: `https://127.0.0.1:${closedPort}`,
        projectId: "demo",
        credential: async () => "ya29.test",
        httpVersion,
      }),
    {
      refusals: [...REFUSALS, ["mismatch-sender-id", "rejected"], ["invalid-registration", "unregistered"]],
    },
  );
}

transportContract(
  "CCS",
  async () => {
    const emulator = await startEmulator();
    const transport = createCcsTransport({ ...emulator.ccsOptions(), closeTimeoutMs: 200, streamCloseTimeoutMs: 100 });
    await transport.ready();
    return {
      ...service(emulator),
      transport,
      fallSilent: () => {
        emulator.ccs.autoAck = false;
      },
      async [Symbol.asyncDispose]() {
        await transport.close();
        await emulator.close();
      },
    };
  },
  () => createCcsTransport({ host: "127.0.0.1", port: closedPort, senderId: "1234567890", apiKey: "AIza-EXAMPLE" }),
  { refusals: REFUSALS, usesMessageIds: true },
);

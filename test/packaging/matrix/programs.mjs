// The programs that every combination runs, as text: one body, with the imports of either module format before it.

const NAMES = {
  gcm: "@cloud-messaging/http-sender",
  ccs: "@cloud-messaging/ccs-client",
  dropIn: "@cloud-messaging/node-gcm",
};

const imports = {
  esm: `import { createFcmSender, createGcmSender } from "${NAMES.gcm}";
import { createCcsClient } from "${NAMES.ccs}";
import gcm from "${NAMES.dropIn}";
`,
  cjs: `const { createFcmSender, createGcmSender } = require("${NAMES.gcm}");
const { createCcsClient } = require("${NAMES.ccs}");
const gcm = require("${NAMES.dropIn}");
`,
};

const body = `
const { http, fcm, ccs, token } = JSON.parse(process.env.EMULATOR);

async function sendWith(name, sender) {
  try {
    const { outcomes } = await sender.send({ target: { token }, data: { through: name } }, { timeoutMs: 20000 });
    if (outcomes[0].kind !== "accepted") throw new Error(name + ": " + JSON.stringify(outcomes[0]));
  } finally {
    await sender.close();
  }
}

function dropIn() {
  const sender = new gcm.Sender(http.apiKey, { uri: http.endpoint });
  return new Promise((resolve, reject) => {
    sender.send(new gcm.Message({ data: { through: "drop-in" } }), { registrationTokens: [token] }, (error, response) => {
      if (error) reject(error instanceof Error ? error : new Error(String(error)));
      else if (response.success !== 1) reject(new Error("drop-in: " + JSON.stringify(response)));
      else resolve();
    });
  });
}

async function main() {
  await sendWith("gcm", createGcmSender(http));
  await sendWith("v1", createFcmSender(fcm));
  await sendWith("v1-h2", createFcmSender({ ...fcm, httpVersion: "2" }));
  await sendWith("ccs", createCcsClient(ccs));
  await dropIn();
  console.log("all sent");
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
`;

/** One message over each transport and the drop-in, to the emulator in the environment. */
export const sendProgram = (format) => imports[format] + body;

/** An emulator from the installed package: prints where it is, and ends with its standard input. */
export const emulatorProgram = `import { startEmulator } from "@cloud-messaging/emulator";
const emulator = await startEmulator();
const { token } = emulator.createDevice();
console.log(JSON.stringify({ http: emulator.httpOptions(), fcm: emulator.fcmOptions(), ccs: emulator.ccsOptions(), token }));
process.stdin.resume().on("end", () => emulator.close());
`;

/** Both formats in one process: what one throws the other one knows. */
export const bothFormatsProgram = `import { createRequire } from "node:module";
import * as imported from "@cloud-messaging/core";
const required = createRequire(import.meta.url)("@cloud-messaging/core");
for (const [one, other] of [[imported, required], [required, imported]]) {
  try {
    one.parseDownstreamMessage({});
    throw new Error("an empty message was taken");
  } catch (error) {
    if (!other.isCloudMessagingError(error) || error.code !== "ERR_INVALID_MESSAGE") throw error;
  }
}
console.log("same");
`;

/** Program of an application in TypeScript, with everything strict. */
export const typedProgram = `import {
  createFcmSender,
  createGcmSender,
  createMemoryRegistrationStore,
  isCloudMessagingError,
  type SendReport,
} from "@cloud-messaging/http-sender";
import { createCcsClient, type CcsClient } from "@cloud-messaging/ccs-client";
import { startEmulator } from "@cloud-messaging/emulator";
import * as gcm from "@cloud-messaging/node-gcm";

export async function main(): Promise<number> {
  const emulator = await startEmulator();
  const registrations = createMemoryRegistrationStore();
  const sender = createGcmSender({ ...emulator.httpOptions(), registrations });
  const fcm = createFcmSender(emulator.fcmOptions());
  const client: CcsClient = createCcsClient({
    ...emulator.ccsOptions(),
    onUpstream: async (message) => void message.data["n"],
  });
  try {
    const report: SendReport = await sender.send({ target: { token: "tok-a" }, data: { n: "1" } });
    const [outcome] = report.outcomes;
    if (outcome?.kind === "accepted") return outcome.attempts;
    // @ts-expect-error a message has one target
    await fcm.send({ target: { token: "a", topic: "b" } });
    const dropIn = new gcm.Sender("key");
    dropIn.send(new gcm.Message({ data: { a: 1 } }), { registrationTokens: ["tok-a"] }, (error, response) => {
      console.log(error, response?.success);
    });
    return 0;
  } catch (error) {
    if (isCloudMessagingError(error) && error.code === "ERR_INVALID_MESSAGE") return error.problems.length;
    throw error;
  } finally {
    await Promise.all([sender.close(), fcm.close(), client.close(), emulator.close()]);
  }
}
`;

/** A test of somebody's own, for any runner with globals; \`format\` decides the imports. */
export const testProgram = (format, { globals = "" } = {}) => `${globals}${
  format === "esm"
    ? `import { createFcmSender, createGcmSender } from "@cloud-messaging/http-sender";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { startEmulator } from "@cloud-messaging/emulator";
import gcm from "@cloud-messaging/node-gcm";
`
    : `const { createFcmSender, createGcmSender } = require("@cloud-messaging/http-sender");
const { createCcsClient } = require("@cloud-messaging/ccs-client");
const { startEmulator } = require("@cloud-messaging/emulator");
const gcm = require("@cloud-messaging/node-gcm");
`
}
describe("a back end that sends", () => {
  let emulator;
  let phone;
  before_(async () => {
    emulator = await startEmulator();
    phone = emulator.createDevice();
  });
  after_(() => emulator.close());

  const target = () => ({ token: phone.token });
  it("sends over GCM HTTP, FCM v1 and CCS", async () => {
    for (const sender of [
      createGcmSender(emulator.httpOptions()),
      createFcmSender(emulator.fcmOptions()),
      createCcsClient(emulator.ccsOptions()),
    ]) {
      const { outcomes } = await sender.send({ target: target(), data: { n: "1" } });
      await sender.close();
      same_(outcomes[0].kind, "accepted");
    }
  });

  it("sends with the drop-in", async () => {
    const { apiKey, endpoint } = emulator.httpOptions();
    const sender = new gcm.Sender(apiKey, { uri: endpoint });
    const response = await sender.send(new gcm.Message({ data: { n: 1 } }), { registrationTokens: [phone.token] });
    same_(response.success, 1);
    same_(phone.received.length, 4);
  });
});
`;

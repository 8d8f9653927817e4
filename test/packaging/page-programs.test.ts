import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { startEmulator } from "@cloud-messaging/emulator";
import { afterAll, describe, expect, it } from "vitest";
import { createTestCertificates } from "../support/fault-server-certificates.ts";
import { programsOf } from "../support/page-programs.ts";
import { programEnvironment } from "../support/program-environment.ts";

const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);
// below the examples, where the packages are found as they were built
const folder = mkdtempSync(join(root, "examples", ".pages-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const below = (path: string) =>
  readdirSync(join(root, path), { recursive: true })
    .map((file) => `${path}/${String(file).replaceAll("\\", "/")}`)
    .filter((file) => file.endsWith(".md"));
const PAGES = [
  "README.md",
  "CONTRIBUTING.md",
  ...below("docs"),
  ...readdirSync(join(root, "packages")).map((name) => `packages/${name}/README.md`),
];

/** Premises of each program of a page, and what has to be true after it; in the order of the page. */
interface Surroundings {
  readonly before?: string;
  readonly after?: string;
  /** Replacements: what a test cannot have, such as a port that somebody else may use. */
  readonly instead?: Readonly<Record<string, string>>;
}

const TOKENS = "const [first, second] = [newToken(), newToken()]; const token = first; const tokens = [first, second];";
const SEEN = "const seen = emulator.inbox.total;";
const COUNT =
  "const kinds = []; const count = (kind) => kinds.push(kind); const settle = (_, kind) => kinds.push(kind);";
const GCM = "const sender = createGcmSender({ ...emulator.httpOptions(), registrations, timeoutMs: 10_000 });";
const FCM = "const sender = createFcmSender({ ...emulator.fcmOptions(), timeoutMs: 10_000 });";
const USER = 'const registrations = createMemoryRegistrationStore(); registrations.register("ada", newToken());';
const allAccepted = (number: number) =>
  `await sender.close(); same(kinds.join(), Array(${number}).fill("accepted").join());`;

const PROGRAMS: Readonly<Record<string, readonly Surroundings[]>> = {
  "README.md": [
    { before: `const apiKey = "any"; ${USER}`, after: "await sender.close();" },
    {
      before: `${USER} ${GCM} const { outcomes: [outcome] } = await sender.sendToUser("ada", {}); await sender.close();`,
    },
  ],
  "docs/emulator.md": [
    {}, // a test for vitest, run by itself below
    {
      before: `${TOKENS}`,
      after: `same(emulator.faults.armed.length, 5); emulator.faults.random({ rate: 0.1, error: "unavailable" }); emulator.faults.clear();`,
    },
  ],
  "docs/guide.md": [
    {
      before: `${USER} ${GCM} ${TOKENS} ${COUNT} const tokensFromTheDatabase = () => tokens;
        const groups = createDeviceGroups({ apiKey: "any", senderId: "1234567890", endpoint: emulator.httpUrl + "/fcm/notification" });
        const { notificationKey } = await groups.create("ada", tokens); await groups.close();`,
      after: allAccepted(2),
    },
    {
      before: `${USER} ${GCM} ${COUNT} const database = { devices: () => [1, 2].map((unread) => ({ token: newToken(), unread })) };`,
      after: allAccepted(2),
    },
    {
      before: `${USER} ${GCM} ${TOKENS} ${COUNT} const messagesFromTheQueue = () => tokens.map((token) => ({ target: { token } }));`,
      after: allAccepted(2),
    },
    { before: `${USER} ${GCM} ${TOKENS} ${COUNT} const data = { a: "1" };`, after: allAccepted(2) },
    { before: FCM, after: `await sender.close(); same(check.kind, "valid");` },
  ],
  "docs/migrate.md": [
    { before: USER, after: "await sender.close();" },
    { before: USER, after: "await sender.close();" },
    {},
    { before: 'const gcm = require("@cloud-messaging/node-gcm");', after: "await sender.close();" },
    {
      before: `${TOKENS} const data = { a: "1" }; const notification = { title: "a" };`,
      after: 'await sender.close(); same(outcomes.map(({ kind }) => kind).join(), "accepted,accepted");',
    },
  ],
  "packages/ccs-client/README.md": [
    {
      before: `const { senderId, apiKey } = emulator.ccsOptions(); ${USER} ${TOKENS} const saveOrder = async () => {};`,
      after: 'same(report.outcome.kind, "accepted");',
    },
  ],
  "packages/connection-server/README.md": [
    {
      before: `process.env.KEY = "any"; const queue = async () => "queued-1";
        const [cert, key, ca] = ["cert.pem", "key.pem", "test-ca.pem"].map((file) => readFileSync(file, "utf8"));`,
      instead: { "port: 8095": "port: 0", "port: 5235": "port: 0" },
      after: `
        await attack(server.port);
        await attack(ccs.port);
        const message = { target: { token: "tok" } };
        const endpoint = "http://127.0.0.1:" + server.port + "/fcm/send";
        const sender = createGcmSender({ endpoint, apiKey: "any", timeoutMs: 10_000 });
        same((await sender.send(message)).outcome.kind, "accepted");
        const client = createCcsClient({ host: "127.0.0.1", port: ccs.port, tls: { ca }, senderId: "1", apiKey: "any", timeoutMs: 10_000 });
        same((await client.send(message)).outcome.kind, "accepted");
        await Promise.all([sender.close(), client.close()]);
        await Promise.all([server.close(), ccs.close()]);`,
    },
    {
      after: `
        const receiver = service.attach({ accepting: true, write: () => true });
        service.send("{}", { from: "a", message_id: "1" });
        same(receiver.unacked, 1);
        receiver.acked("a", "1");
        same(receiver.unacked, 0);`,
    },
  ],
  "packages/core/README.md": [{ after: 'same(typeof subscribe, "function");' }],
  "packages/emulator/README.md": [{}],
  "packages/http-sender/README.md": [{ before: `${TOKENS} ${SEEN}`, after: "same(emulator.inbox.total, seen + 1);" }],
  "packages/node-gcm/README.md": [
    { after: "await sender.close();" },
    {
      before: `${TOKENS} ${SEEN} const gcm = require("@cloud-messaging/node-gcm"); const sender = new gcm.Sender(require("./service-account.json"));`,
      after: "await emulator.inbox.waitFor({ count: seen + 2 }); await sender.close();",
    },
  ],
};

const HEAD = `
import { createRequire } from "node:module";
import { connect } from "node:net";
import { readFileSync, writeFileSync } from "node:fs";
import { startEmulator } from "@cloud-messaging/emulator";
import { createDeviceGroups, createFcmSender, createGcmSender, createMemoryRegistrationStore } from "@cloud-messaging/http-sender";
import { createCcsClient } from "@cloud-messaging/ccs-client";

const require = createRequire(import.meta.url);
const emulator = await startEmulator();
writeFileSync("service-account.json", JSON.stringify(emulator.fcmOptions().credential));
writeFileSync("ca.pem", emulator.caCertificate);
const { host, port } = emulator.ccsOptions();
Object.assign(process.env, {
  CLOUD_MESSAGING_EMULATOR_HOST: new URL(emulator.httpUrl).host,
  CLOUD_MESSAGING_EMULATOR_CCS: host + ":" + port,
  CLOUD_MESSAGING_EMULATOR_CA_FILE: "ca.pem",
});
const newToken = () => emulator.createDevice().token;
function same(actual, expected) {
  if (actual !== expected) throw new Error("got " + actual + ", expected " + expected);
}
/** Requests that no server may fall over: each ends, with an answer or without. */
async function attack(port) {
  for (const request of [
    "GET /%ZZ HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n",
    "GET //[ HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n",
    "NONSENSE\\r\\n\\r\\n",
    "POST /fcm/send HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\ncontent-type: application/json\\r\\ncontent-length: 4\\r\\n\\r\\nnull",
    "POST /v1/projects/%ZZ/messages:send HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\ncontent-length: 1\\r\\n\\r\\n{",
  ]) {
    await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.write(request));
      socket.on("error", () => {}).on("close", resolve).resume();
    });
  }
}
async function program(name, body) {
  try {
    await body();
    console.log("ok " + name);
  } catch (error) {
    console.log("failed " + name + ": " + (error?.stack ?? error));
  }
}
`;

describe("programs in the pages", () => {
  it.each(PAGES)("%s has only such as are programs, and every one of a known page is run", async (page) => {
    const programs = await programsOf(page);
    if (page in PROGRAMS) expect(programs.length).toBe(PROGRAMS[page]?.length);
  });

  it("run as they are written, against an emulator", async () => {
    const wanted: string[] = [];
    let text = HEAD;
    for (const [page, surroundings] of Object.entries(PROGRAMS)) {
      for (const { index, code } of await programsOf(page)) {
        if (page === "docs/emulator.md" && index === 0) continue;
        const { before = "", after = "", instead = {} } = surroundings[index] ?? {};
        const given = Object.entries(instead).reduce((whole, [from, to]) => whole.replace(from, to), code);
        const name = `${page} ${index}`;
        wanted.push(`ok ${name}`);
        // what the page declares may bear the name of something that the test has: it stands in a block of its own
        text += `await program(${JSON.stringify(name)}, async () => {\n${before}\n{\n${given}\n${after}\n}\n});\n`;
      }
    }
    const { ca, server } = await createTestCertificates();
    for (const [file, pem] of Object.entries({ "cert.pem": server.cert, "key.pem": server.key, "test-ca.pem": ca })) {
      writeFileSync(join(folder, file), pem);
    }
    writeFileSync(join(folder, "programs.mjs"), `${text}\nawait emulator.close();\nconsole.log("closed");\n`);
    const { stdout } = await run(process.execPath, ["programs.mjs"], {
      cwd: folder,
      env: programEnvironment(),
      timeout: 100_000,
    });
    expect(stdout.split("\n").filter((line) => /^(ok|failed|closed)/.test(line))).toEqual([...wanted, "closed"]);
  });

  it("include tests for vitest, which pass", async () => {
    const inPage = (page: string, pattern: RegExp) =>
      pattern.exec(readFileSync(join(root, "docs", page), "utf8"))?.[1] ?? "";
    const signUp = `import { createGcmSender } from "@cloud-messaging/http-sender";
async function signUp({ token, push }) {
  const sender = createGcmSender(push);
  await sender.send({ target: { token }, notification: { title: "Welcome" } });
  await sender.close();
}
`;
    writeFileSync(join(folder, "sign-up.test.ts"), signUp + inPage("emulator.md", /```ts\n(import[\s\S]*?)```/));
    writeFileSync(
      join(folder, "welcome.spec.mjs"),
      inPage("testing.md", /```js file=welcome\.spec\.mjs\n([\s\S]*?)```/),
    );
    writeFileSync(join(folder, "vitest.config.mjs"), "export default { test: { testTimeout: 60_000 } };");
    const vitest = join(root, "node_modules/vitest/vitest.mjs");
    const { stdout } = await run(process.execPath, [vitest, "run", "--root", folder], { env: programEnvironment() });
    expect(stdout).toMatch(/2 passed[\s\S]*2 passed/);
  });

  it("include a walk through the emulator with curl, which shows the message", async () => {
    await using emulator = await startEmulator();
    const page = readFileSync(join(root, "docs/emulator.md"), "utf8");
    const [, commands = ""] = /## Send something\n\n```sh\n([\s\S]*?)```/.exec(page) ?? [];
    const { stdout } = await run("sh", ["-c", commands.replaceAll("127.0.0.1:8095", new URL(emulator.httpUrl).host)]);
    const printed = stdout.slice(stdout.lastIndexOf('{"id"') === -1 ? 0 : stdout.lastIndexOf('{"id"'));
    expect(printed).toMatch(/"title":\s?"Hello"/);
  });
});

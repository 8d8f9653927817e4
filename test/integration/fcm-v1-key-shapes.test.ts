import { generateKeyPairSync } from "node:crypto";
import { inspect } from "node:util";
import { InvalidOptionsError } from "@cloud-messaging/core";
import { createFcmSender, type FcmCredential } from "@cloud-messaging/http-sender";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createTestEnvironment, type TestEnvironment } from "../support/environment.ts";
import { type GoogleStub, startGoogleStub } from "../support/google-stub.ts";

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
let google: GoogleStub;
let environment: TestEnvironment;
beforeAll(async () => {
  google = await startGoogleStub();
  environment = createTestEnvironment();
});
afterEach(() => environment[Symbol.asyncDispose]());
afterAll(() => google[Symbol.asyncDispose]());

type Key = Record<string, string>;
const aKey = (change: Key = {}): Key => ({
  type: "service_account",
  project_id: "demo",
  private_key_id: "key-1",
  private_key: privateKey,
  client_email: "sender@demo.iam.gserviceaccount.com",
  token_uri: `${google.origin}/token`,
  ...change,
});
const text = (change?: Key): string => JSON.stringify(aKey(change), null, 2);

async function sendWith(credential: FcmCredential) {
  const sender = createFcmSender({ endpoint: google.origin, credential, retry: false });
  try {
    return (await sender.send({ target: { token: "tok-a" }, data: { n: "1" } })).outcomes[0];
  } finally {
    await sender.close();
  }
}

describe("a service-account key is read from a file", () => {
  it.each<[string, () => string | Buffer]>([
    ["in UTF-8", () => text()],
    ["with a byte order mark", () => `\uFEFF${text()}`],
    ["in UTF-16 LE", () => Buffer.from(`\uFEFF${text()}`, "utf16le")],
    ["in UTF-16 BE", () => Buffer.from(`\uFEFF${text()}`, "utf16le").swap16()],
    ["with Windows line ends", () => text().replaceAll("\n", "\r\n")],
    ["in base64", () => Buffer.from(text()).toString("base64")],
    ["as a quoted JSON text", () => JSON.stringify(text())],
    ["whose key's line ends are spelled out twice", () => text({ private_key: privateKey.replaceAll("\n", "\\\\n") })],
    ["whose key's line ends are lost", () => text({ private_key: privateKey.replaceAll("\n", "") })],
    ["in the spelling of firebase-admin", () => JSON.stringify(inAdminSpelling())],
  ])("%s", async (_name, content) => {
    expect(await sendWith(await environment.file(content()))).toMatchObject({ kind: "accepted" });
  });

  it("that GOOGLE_APPLICATION_CREDENTIALS names, and from its value where the content stands there", async () => {
    for (const value of [
      await environment.file(Buffer.from(`\uFEFF${text()}`, "utf16le")),
      text(),
      Buffer.from(text()).toString("base64"),
    ]) {
      environment.set({ GOOGLE_APPLICATION_CREDENTIALS: value, GOOGLE_CLOUD_PROJECT: undefined });
      expect(await sendWith("application-default")).toMatchObject({ kind: "accepted" });
    }
  });
});

describe("a service-account key is read from an option", () => {
  it.each<[string, () => FcmCredential]>([
    ["as JSON", () => text()],
    ["as JSON with a byte order mark", () => `\uFEFF${text()}`],
    ["as JSON in which a dotenv file spelled the line ends of the key", () => text().replaceAll("\\n", "\n")],
    ["as JSON with its marks escaped", () => JSON.stringify(JSON.stringify(aKey())).slice(1, -1)],
    ["as JSON in quotation marks", () => `'${JSON.stringify(aKey())}'`],
    ["in base64", () => Buffer.from(text()).toString("base64")],
    ["in base64url", () => Buffer.from(text()).toString("base64url")],
    [
      "in base64 on many lines",
      () =>
        Buffer.from(text())
          .toString("base64")
          .replace(/(.{76})/g, "$1\n"),
    ],
    ["as an object", () => aKey() as never],
    ["in the spelling of firebase-admin", () => inAdminSpelling()],
    ["whose line ends are spelled out", () => aKey({ private_key: privateKey.replaceAll("\n", "\\n") }) as never],
    ["in quotation marks", () => aKey({ private_key: `"${privateKey.replaceAll("\n", "\\n")}"` }) as never],
    ["with spaces for its line ends", () => aKey({ private_key: privateKey.replaceAll("\n", " ") }) as never],
  ])("%s", async (_name, credential) => {
    expect(await sendWith(credential())).toMatchObject({ kind: "accepted" });
  });
});

describe("what is no key is refused when the sender is made, with what was seen and nothing of it", () => {
  it.each<[string, () => unknown, string]>([
    ["JSON in base64 that was cut off", () => Buffer.from(text()).toString("base64").slice(0, 900), "is not JSON"],
    ["a bare private key", () => privateKey, "is a key or token"],
    ["google-services.json", () => ({ project_info: {}, client: [], secret: "SSSSS" }), "google-services.json"],
    ["an OAuth client's secret", () => JSON.stringify({ web: { client_secret: "SSSSS" } }), "OAuth client's secret"],
    ["a web app's configuration", () => ({ apiKey: "SSSSS", authDomain: "x" }), "configuration of a web app"],
    ["a type that was misspelt", () => aKey({ type: "service_acount" }), '"service_acount"'],
    ["a key without a private key", () => ({ client_email: "a@b" }), "credential.private_key"],
    ["a private key that was cut off", () => aKey({ private_key: privateKey.slice(0, 300) }), "cut off"],
    ["a project ID that is a path", () => aKey({ project_id: "../x" }), "credential.project_id"],
    ["a number", () => 7, "credential"],
  ])("%s", (_name, credential, words) => {
    let error: unknown;
    try {
      createFcmSender({ endpoint: google.origin, credential: credential() as FcmCredential, projectId: "demo" });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(InvalidOptionsError);
    const shown = `${inspect(error, { depth: 9 })}${JSON.stringify(error)}`;
    expect(shown).toContain(words);
    expect(shown).not.toContain("SSSSS");
    expect(shown).not.toContain(privateKey.slice(40, 80));
  });

  it.each<[string, string, string]>([
    ["an empty file", "", "is empty"],
    ["a bare private key", privateKey, "holds a bare private key"],
    ["another file", "hello: world", "is not JSON"],
  ])("or at the first send, where it is a file: %s", async (_name, content, words) => {
    const path = await environment.file(content);
    const outcome = await sendWith(path);
    expect(outcome).toMatchObject({ kind: "rejected", code: "authentication-failed" });
    expect(inspect(outcome)).toContain(words);
    expect(inspect(outcome)).toContain(path);
    expect(inspect(outcome)).not.toContain(privateKey.slice(40, 80));
  });
});

describe("a project ID that did not come as the option", () => {
  it.each(["../other", "demo/../x", "de mo", "demo?x=1"])("is checked as the option is: %s", async (projectId) => {
    environment.set({ GOOGLE_CLOUD_PROJECT: projectId, GCLOUD_PROJECT: undefined });
    const credential = async () => "t";
    expect(() => createFcmSender({ endpoint: google.origin, credential })).toThrow(/GOOGLE_CLOUD_PROJECT.*project ID/);
    const before = google.requests.length;
    environment.set({ GOOGLE_CLOUD_PROJECT: undefined });
    const outcome = await sendWith(await environment.file(text({ project_id: projectId })));
    expect(outcome).toMatchObject({ kind: "rejected", code: "authentication-failed" });
    expect(inspect(outcome)).toContain("project_id");
    expect(google.requests).toHaveLength(before);
  });
});

function inAdminSpelling() {
  // firebase-admin's own spelling has no word for the token endpoint in its types
  const key = { projectId: "demo", clientEmail: "sender@demo.iam.gserviceaccount.com", privateKey };
  return { ...key, tokenUri: `${google.origin}/token` };
}

import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { createManualClock } from "@cloud-messaging/core";
import {
  createDeviceGroups,
  createFcmSender,
  createTopics,
  type FcmSender,
  type FcmSenderOptions,
} from "@cloud-messaging/http-sender";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createTestEnvironment, type TestEnvironment } from "../support/environment.ts";
import { startV1Server } from "../support/fcm-v1-server.ts";
import { type GoogleStub, startGoogleStub } from "../support/google-stub.ts";

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
let google: GoogleStub;
let environment: TestEnvironment;
const opened: FcmSender[] = [];
beforeEach(async () => {
  google = await startGoogleStub();
  environment = createTestEnvironment();
  environment.set({
    GOOGLE_CLOUD_PROJECT: undefined,
    GCLOUD_PROJECT: undefined,
    GOOGLE_CLOUD_QUOTA_PROJECT: undefined,
  });
});
afterEach(async () => {
  for (const sender of opened.splice(0)) await sender.close();
  await environment[Symbol.asyncDispose]();
  await google[Symbol.asyncDispose]();
});

const toOne = { target: { token: "tok-a" }, data: { n: "1" } };
function aSender(options: FcmSenderOptions = {}): FcmSender {
  const sender = createFcmSender({ endpoint: google.origin, projectId: "demo", ...options });
  opened.push(sender);
  return sender;
}
const sendOnce = async (sender: FcmSender) => (await sender.send(toOne)).outcomes[0];

const aKey = (id: string): string =>
  JSON.stringify({
    type: "service_account",
    project_id: "demo",
    private_key_id: id,
    private_key: privateKey,
    client_email: "sender@demo.iam.gserviceaccount.com",
    token_uri: `${google.origin}/token`,
  });
/** The ID of the key that signed a request for a token. */
const keyOf = (body: string): unknown => {
  const [header = ""] = (new URLSearchParams(body).get("assertion") ?? "").split(".");
  return (JSON.parse(Buffer.from(header, "base64url").toString()) as { kid: unknown }).kid;
};
const keysAsked = (): unknown[] =>
  google.requests.filter(({ path }) => path === "/token").map(({ body }) => keyOf(body));
function onlyTakes(good: string): void {
  google.token = ({ body }) =>
    keyOf(body) === good
      ? { status: 200, body: { access_token: `of-${good}`, expires_in: 60 } }
      : { status: 400, body: { error: "invalid_grant" } };
}

describe("a key that was replaced and revoked", () => {
  it.each(["path", "environment"])("is read again within the same fetch, from a %s", async (way) => {
    const path = await environment.file(aKey("old"));
    if (way === "environment") environment.set({ GOOGLE_APPLICATION_CREDENTIALS: path });
    const clock = createManualClock();
    const sender = aSender({ clock, retry: false, ...(way === "path" ? { credential: path } : {}) });
    onlyTakes("old");
    expect(await sendOnce(sender)).toMatchObject({ kind: "accepted" });
    await writeFile(path, aKey("new"));
    onlyTakes("new");
    await clock.advance(60_000);
    expect(await sendOnce(sender)).toMatchObject({ kind: "accepted", attempts: 1 });
    expect(keysAsked()).toEqual(["old", "old", "new"]);
    await clock.advance(60_000);
    await sendOnce(sender);
    expect(keysAsked()).toEqual(["old", "old", "new", "new"]);
  });

  it("is found in its file a second after the old one was refused, and not after half a minute", async () => {
    const path = await environment.file(aKey("old"));
    const clock = createManualClock();
    const sender = aSender({ clock, retry: false, credential: path });
    onlyTakes("new");
    expect(await sendOnce(sender)).toMatchObject({ kind: "rejected", code: "authentication-failed" });
    // the same key is not tried again meanwhile
    for (let second = 1; second <= 5; second++) {
      await clock.advance(1_000);
      expect(await sendOnce(sender)).toMatchObject({ kind: "rejected" });
    }
    expect(keysAsked()).toEqual(["old"]);
    await writeFile(path, aKey("new"));
    await clock.advance(1_000);
    expect(await sendOnce(sender)).toMatchObject({ kind: "accepted" });
    expect(keysAsked()).toEqual(["old", "new"]);
  });

  it("is tried again after half a minute where its file is the same: it may have been the account", async () => {
    const clock = createManualClock();
    const sender = aSender({ clock, retry: false, credential: await environment.file(aKey("old")) });
    onlyTakes("new");
    await sendOnce(sender);
    onlyTakes("old");
    await clock.advance(30_000);
    expect(await sendOnce(sender)).toMatchObject({ kind: "accepted" });
  });
});

const WORKLOAD = (): Record<string, unknown> => ({
  type: "external_account",
  audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
  subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
  token_url: `${google.origin}/sts/token`,
});

describe("a workload's identity", () => {
  it.each<[string, () => Promise<FcmSenderOptions>]>([
    ["behind GOOGLE_APPLICATION_CREDENTIALS", async () => ({})],
    ["given by its path", async () => ({ credential: process.env["GOOGLE_APPLICATION_CREDENTIALS"] as string })],
  ])("asks for a token and nothing else where the project is given, %s", async (_name, options) => {
    const file = await environment.file("subject", "subject-token");
    const path = await environment.file(JSON.stringify({ ...WORKLOAD(), credential_source: { file } }));
    environment.set({ GOOGLE_APPLICATION_CREDENTIALS: path, HTTPS_PROXY: google.origin, NO_PROXY: "127.0.0.1" });
    expect(await sendOnce(aSender(await options()))).toMatchObject({ kind: "accepted", attempts: 1 });
    expect(google.requests.map(({ path }) => path)).toEqual(["/sts/token", "/v1/projects/demo/messages:send"]);
    expect(google.requests[1]?.headers["x-goog-user-project"]).toBeUndefined();
  });
});

describe("default credentials that cannot work", () => {
  it.each<[string, () => Promise<object | string> | object | string, string]>([
    [
      "without the file of their subject token",
      () => ({ ...WORKLOAD(), credential_source: { file: "/no/such/token" } }),
      "the file of the subject token, /no/such/token, cannot be read (ENOENT)",
    ],
    [
      "whose subject token's file is not what it should be",
      async () => ({
        ...WORKLOAD(),
        credential_source: {
          file: await environment.file("SECRET-SUBJECT", "subject-token"),
          format: { type: "json", subject_token_field_name: "token" },
        },
      }),
      "is not JSON",
    ],
    ["of a type that is misspelt", () => ({ type: "external_acount" }), 'and is \\"external_acount\\"'],
    [
      "that do not say where the subject token is",
      () => ({ ...WORKLOAD(), credential_source: {} }),
      "credential.credential_source",
    ],
    [
      "of a user, without a refresh token",
      () => ({ type: "authorized_user", client_id: "a", client_secret: "b" }),
      "credential.refresh_token: is missing",
    ],
    [
      "with an executable that is not allowed",
      () => ({ ...WORKLOAD(), credential_source: { executable: { command: "/bin/true" } } }),
      "cannot be used: ",
    ],
    ["that are not JSON", () => "{ SECRET-SUBJECT", "is not JSON"],
  ])("end a send at once and say why: %s", async (_name, credentials, words) => {
    const content = await credentials();
    const path = await environment.file(typeof content === "string" ? content : JSON.stringify(content));
    environment.set({ GOOGLE_APPLICATION_CREDENTIALS: path });
    const outcome = await sendOnce(aSender());
    expect(outcome).toMatchObject({ kind: "rejected", code: "authentication-failed", attempts: 1 });
    const shown = JSON.stringify(outcome);
    expect(shown).toContain(words);
    expect(shown).toContain(path);
    expect(shown).not.toContain("SECRET");
    expect(google.requests).toEqual([]);
  });

  it("are exchanged with nobody whose certificate is not good, whatever NODE_TLS_REJECT_UNAUTHORIZED says", async () => {
    await using server = await startV1Server();
    const file = await environment.file("subject", "subject-token");
    const workload = { ...WORKLOAD(), token_url: `${server.origin}/token`, credential_source: { file } };
    environment.set({
      GOOGLE_APPLICATION_CREDENTIALS: await environment.file(JSON.stringify(workload)),
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
    });
    const outcome = await sendOnce(aSender({ retry: false }));
    expect(outcome).toMatchObject({ kind: "rejected", code: "untrusted-certificate" });
    expect(server.tokenRequests).toEqual([]);
  }, 30_000);

  it("name the file that is not there", async () => {
    environment.set({ GOOGLE_APPLICATION_CREDENTIALS: "/no/such/key.json" });
    expect(await sendOnce(aSender())).toMatchObject({
      kind: "rejected",
      detail: "the file /no/such/key.json that GOOGLE_APPLICATION_CREDENTIALS names cannot be read (ENOENT)",
    });
  });

  it.each<[number, object, string]>([
    [400, { error: "invalid_target", error_description: "No such pool." }, "rejected"],
    [503, { error: "unavailable" }, "retryable"],
  ])(
    "or are refused with %i: the outcome has the words",
    async (status, body, kind) => {
      const file = await environment.file("subject", "subject-token");
      const path = await environment.file(JSON.stringify({ ...WORKLOAD(), credential_source: { file } }));
      environment.set({ GOOGLE_APPLICATION_CREDENTIALS: path });
      google.token = () => ({ status, body });
      const outcome = await sendOnce(aSender({ retry: false }));
      expect(outcome).toMatchObject({ kind });
      expect(JSON.stringify(outcome)).toContain(`HTTP ${status} (${Object.values(body).join(": ")})`);
    },
    30_000,
  );
});

describe("the credentials of a user", () => {
  async function aUser(more: object): Promise<void> {
    const user = {
      type: "external_account_authorized_user",
      audience: "//iam.googleapis.com/locations/global/workforcePools/p/providers/q",
      client_id: "id",
      client_secret: "secret",
      refresh_token: "refresh",
      token_url: `${google.origin}/user/token`,
      token_info_url: `${google.origin}/introspect`,
      ...more,
    };
    environment.set({ GOOGLE_APPLICATION_CREDENTIALS: await environment.file(JSON.stringify(user)) });
  }
  const charged = (): unknown[] =>
    google.requests.filter(({ path }) => !path.endsWith("/token")).map(({ headers }) => headers["x-goog-user-project"]);

  it.each<[string, object, string | undefined, string | undefined]>([
    ["the file's", { quota_project_id: "of-file" }, undefined, "of-file"],
    ["the environment's, before the file's", { quota_project_id: "of-file" }, "of-environment", "of-environment"],
    ["the environment's alone", {}, "of-environment", "of-environment"],
    ["none", {}, undefined, undefined],
  ])("send %s quota project with messages, topics and groups", async (_name, file, variable, expected) => {
    await aUser(file);
    environment.set({ GOOGLE_CLOUD_QUOTA_PROJECT: variable });
    await sendOnce(aSender());
    const common = { endpoint: google.origin, credential: "application-default" as const };
    await using topics = createTopics({ ...common, backend: "topic-subscriptions", projectId: "demo" });
    await topics.subscribe("news", ["tok-a"]);
    await using old = createTopics({ ...common, backend: "instance-id" });
    await old.info("tok-a");
    await using groups = createDeviceGroups({ ...common, endpoint: `${google.origin}/groups`, senderId: "1" });
    await groups.create("ada", ["tok-a"]);
    expect(charged()).toEqual([expected, expected, expected, expected]);
  });

  it("of gcloud are exchanged with Google, and send their quota project", async () => {
    const user = {
      type: "authorized_user",
      client_id: "id",
      client_secret: "s",
      refresh_token: "r",
      quota_project_id: "q",
    };
    // with the variable the library's requests go over connections of ours, which are not turned aside below
    environment.set({
      GOOGLE_APPLICATION_CREDENTIALS: await environment.file(JSON.stringify(user)),
      NODE_TLS_REJECT_UNAUTHORIZED: undefined,
    });
    const { hostname, port } = new URL(google.origin);
    // their token endpoint is Google's own and nothing can name another, so that the way there is turned aside
    const asked: string[] = [];
    const request = vi.spyOn(https, "request").mockImplementation(((url: URL, options: object, onAnswer: never) => {
      asked.push(String(url));
      return http.request(
        { ...options, agent: undefined, protocol: "http:", host: hostname, hostname, port, path: "/token" },
        onAnswer,
      );
    }) as never);
    try {
      expect(await sendOnce(aSender())).toMatchObject({ kind: "accepted" });
    } finally {
      request.mockRestore();
    }
    expect(asked).toEqual(["https://oauth2.googleapis.com/token"]);
    expect(charged()).toEqual(["q"]);
  });

  it("given by firebase-admin or by a function send theirs too", async () => {
    const admin = {
      getAccessToken: async () => ({ access_token: "t", expires_in: 3600 }),
      getQuotaProjectId: () => "of-admin",
    };
    for (const credential of [admin, async () => ({ token: "t", quotaProjectId: "of-function" }), async () => "t"]) {
      expect(await sendOnce(aSender({ credential }))).toMatchObject({ kind: "accepted" });
    }
    expect(charged()).toEqual(["of-admin", "of-function", undefined]);
  });

  it("name no quota project that could not stand in a header", async () => {
    await aUser({ quota_project_id: "a\r\nx: y" });
    expect(await sendOnce(aSender())).toMatchObject({ kind: "rejected", code: "authentication-failed" });
    expect(charged()).toEqual([]);
  });
});

describe("verifyCredentials over FCM HTTP v1", () => {
  const credential = async () => "t";
  const error = (status: number, word: string, errorCode?: string) => ({
    status,
    body: {
      error: {
        code: status,
        status: word,
        message: "words",
        details:
          errorCode === undefined
            ? []
            : [{ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", errorCode }],
      },
    },
  });

  it.each<[string, ReturnType<typeof error> | { status: number; body: unknown }, object]>([
    ["a malformed token is refused", error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"), { kind: "valid" }],
    ["a token is unknown", error(404, "NOT_FOUND", "UNREGISTERED"), { kind: "valid" }],
    ["everything is taken", { status: 200, body: { name: "x" } }, { kind: "valid" }],
    ["the access token is refused", error(401, "UNAUTHENTICATED"), { kind: "invalid", code: "authentication-failed" }],
    ["the account may not send", error(403, "PERMISSION_DENIED"), { kind: "invalid", code: "permission-denied" }],
    ["there is no such project", error(404, "NOT_FOUND"), { kind: "unknown", code: "endpoint-gone" }],
    ["the service is away", error(503, "UNAVAILABLE"), { kind: "unknown", code: "unavailable" }],
    ["a proxy answers in HTML", { status: 400, body: "<html>" }, { kind: "unknown" }],
  ])("says what it found where %s", async (_name, answer, expected) => {
    google.answer = () => answer;
    const sender = aSender({ credential });
    expect(await sender.verifyCredentials()).toMatchObject(expected);
    const [request] = google.requests;
    expect(JSON.parse(request?.body ?? "")).toEqual({ message: { token: "ABC" }, validate_only: true });
    expect(request?.path).toBe("/v1/projects/demo/messages:send");
  });

  it("says what keeps it from having a token, and asks nobody", async () => {
    const sender = aSender({ credential: "/no/such/key.json" });
    expect(await sender.verifyCredentials()).toMatchObject({
      kind: "invalid",
      code: "authentication-failed",
      detail: expect.stringContaining("/no/such/key.json") as string,
    });
    expect(google.requests).toEqual([]);
    await sender.close();
    expect(await sender.verifyCredentials()).toMatchObject({ kind: "unknown", code: "closed" });
  });

  it("takes a signal, and refuses any other", async () => {
    const sender = aSender({ credential });
    expect(await sender.verifyCredentials({ signal: AbortSignal.abort() })).toMatchObject({
      kind: "unknown",
      code: "aborted",
    });
    await expect(sender.verifyCredentials({ signal: "now" } as never)).rejects.toMatchObject({
      code: "ERR_INVALID_OPTIONS",
    });
  });
});

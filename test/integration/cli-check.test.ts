import { createServer } from "node:http";
import { createManualClock } from "@cloud-messaging/core";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { cli } from "../support/cli.ts";
import { createTestEnvironment, type TestEnvironment } from "../support/environment.ts";

const HOUR_MS = 3_600_000;

interface Report {
  readonly good: boolean;
  readonly findings: readonly { step: string; state: string; problem?: string; detail: string; cure?: string }[];
}

let emulator: Emulator;
let files: TestEnvironment;
let credential: string;
let ca: string;
let key: string;
beforeAll(async () => {
  emulator = await startEmulator();
  files = createTestEnvironment();
  credential = await files.file(JSON.stringify(emulator.fcm.serviceAccount()));
  ca = await files.file(emulator.caCertificate, "ca.pem");
  key = await files.file("any-key\n", "key.txt");
});
afterAll(async () => {
  await emulator.close();
  await files[Symbol.asyncDispose]();
});
afterEach(() => {
  emulator.faults.clear();
  vi.unstubAllEnvs();
});

/** No proxy of the machine's own. */
function proxy(address?: string): void {
  for (const name of ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"]) {
    vi.stubEnv(name, name === "HTTPS_PROXY" ? address : undefined);
  }
}

const v1 = (): string[] => ["check", "--credential", credential, "--endpoint", emulator.httpsUrl as string, "--ca", ca];
const ccs = (): string[] => {
  const { host, port, senderId } = emulator.ccsOptions();
  return [
    "check",
    "--protocol",
    "ccs",
    "--sender-id",
    senderId,
    "--endpoint",
    `${host}:${port}`,
    "--api-key-file",
    key,
    "--ca",
    ca,
  ];
};
const gcm = (): string[] => [
  "check",
  "--protocol",
  "gcm",
  "--api-key-file",
  key,
  "--endpoint",
  emulator.httpOptions().endpoint,
];

async function report(args: readonly string[], options = {}): Promise<Report & { status: number }> {
  const result = await cli([...args, "--json"], options);
  const [found] = result.json<Report>();
  if (found === undefined) throw new Error(result.err);
  return { ...found, status: result.status };
}

/** Refusals of FCM in Google's words, as the service gives them. */
const refused = (message: string) => ({
  endpoint: "fcm-v1" as const,
  status: 403,
  contentType: "application/json",
  body: JSON.stringify({ error: { code: 403, status: "PERMISSION_DENIED", message } }),
});

/** Faults armed one after another: what is armed, and the one problem that the check names. */
const FAULTS: readonly {
  readonly fault: string;
  readonly problem: string;
  run(): Promise<Report & { status: number }>;
}[] = [
  {
    fault: "a TLS certificate that is not trusted",
    problem: "tls-untrusted",
    run: () => report(v1().slice(0, -2)),
  },
  {
    fault: "a clock that is an hour fast",
    problem: "clock-skewed",
    run: () => report(v1(), { clock: createManualClock(Date.now() + HOUR_MS) }),
  },
  {
    fault: "an API that is disabled",
    problem: "api-disabled",
    run() {
      const message =
        "Firebase Cloud Messaging API has not been used in project 123 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/fcm.googleapis.com/overview?project=123 then retry.";
      emulator.faults.nextRequest(refused(message));
      return report(v1());
    },
  },
  {
    fault: "a permission that is missing",
    problem: "permission-missing",
    run() {
      const message = `Permission 'cloudmessaging.messages.create' denied on resource '//cloudresourcemanager.googleapis.com/projects/${emulator.fcm.projectId}' (or it may not exist).`;
      emulator.faults.nextRequest(refused(message));
      return report(v1());
    },
  },
  {
    fault: "a project that is another's",
    problem: "wrong-project",
    run() {
      const message =
        "Permission 'cloudmessaging.messages.create' denied on resource '//cloudresourcemanager.googleapis.com/projects/other' (or it may not exist).";
      emulator.faults.nextRequest(refused(message));
      return report([...v1(), "--project", "other-project"]);
    },
  },
  {
    fault: "a proxy that refuses",
    problem: "proxy-refused",
    async run() {
      const server = createServer();
      server.on("connect", (_, socket) => socket.end("HTTP/1.1 403 Forbidden\r\n\r\n"));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      try {
        proxy(`http://user:hunter2@127.0.0.1:${(server.address() as { port: number }).port}`);
        // behind a proxy no name is resolved and nothing leaves the machine
        return await report([
          "check",
          "--credential",
          credential,
          "--endpoint",
          "https://fcm.example.test",
          "--ca",
          ca,
        ]);
      } finally {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  },
  {
    fault: "a CCS login that is refused",
    problem: "login-refused",
    run() {
      emulator.faults.login({ kind: "not-authorized" });
      return report(ccs());
    },
  },
  {
    fault: "a key that has expired",
    problem: "key-refused",
    run() {
      emulator.fcm.revokeServiceAccounts();
      return report(v1());
    },
  },
];

describe("cloud-messaging check", () => {
  it.each([
    ["v1", v1],
    ["gcm", gcm],
    ["ccs", ccs],
  ])("finds nothing wrong over %s where nothing is", async (_, args) => {
    const { findings, good, status } = await report(args());
    expect(findings.filter(({ state }) => state === "failed")).toEqual([]);
    expect({ good, status }).toEqual({ good: true, status: 0 });
    expect(findings.filter(({ state }) => state === "good").length).toBeGreaterThan(2);
  });

  it.each(FAULTS)("names $fault, and the cure", async ({ run, problem }) => {
    const { findings, good, status } = await run();
    const failures = findings.filter(({ state }) => state === "failed");
    expect(failures.map((finding) => finding.problem)).toEqual([problem]);
    expect(failures[0]?.cure).toMatch(/.{20}/);
    expect({ good, status }).toEqual({ good: false, status: 1 });
    expect(JSON.stringify(findings)).not.toMatch(/hunter2|PRIVATE KEY/);
  });

  it.each([
    ["no JSON", "not json", "credential-malformed"],
    ["the configuration of an Android app", '{"project_info":{},"client":[]}', "credential-malformed"],
    [
      "a damaged private key",
      '{"type":"service_account","project_id":"p","client_email":"a@b","private_key":"-----"}',
      "credential-malformed",
    ],
  ])("names a credential file that is %s", async (_, text, problem) => {
    const { findings } = await report(["check", "--credential", await files.file(text)]);
    expect(findings).toMatchObject([{ step: "credential", state: "failed", problem }]);
  });

  it("names a host that does not exist, and a port that nobody listens on", async () => {
    proxy();
    const unknown = await report([
      "check",
      "--protocol",
      "gcm",
      "--api-key-file",
      key,
      "--endpoint",
      "https://nowhere.invalid/fcm/send",
    ]);
    expect(unknown.findings).toContainEqual(expect.objectContaining({ problem: "name-unknown" }));
    const closed = await report([
      "check",
      "--protocol",
      "ccs",
      "--sender-id",
      "1",
      "--api-key-file",
      key,
      "--endpoint",
      "127.0.0.1:1",
    ]);
    expect(closed.findings).toContainEqual(expect.objectContaining({ problem: "not-reachable" }));
  });

  it("tells it in words, with the cure on a line of its own", async () => {
    emulator.faults.login({ kind: "not-authorized" });
    const { out, status } = await cli(ccs());
    expect(status).toBe(1);
    expect(out).toMatch(/good {5}tls/);
    expect(out).toMatch(/failed {3}login {9}login-refused: .*\n {23}Check that the sender ID/);
  });
});

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { programsOf } from "../support/page-programs.ts";
import { programEnvironment } from "../support/program-environment.ts";

/** A program under the three of the page: a send with a retry, and an upstream message whose handler logs. */
const PROGRAM = `
const { createCcsClient } = await import("@cloud-messaging/ccs-client");
const { startEmulator } = await import("@cloud-messaging/emulator");
const { createFcmSender } = await import("@cloud-messaging/http-sender");
const emulator = await startEmulator();
const phone = emulator.createDevice();
emulator.faults.next({ token: phone.token, error: "unavailable" });
const sender = createFcmSender({ ...emulator.fcmOptions(), retry: { initialMs: 20, minMs: 20 } });
await sender.send({ target: { token: phone.token }, data: { n: "1" } });
const client = createCcsClient({ ...emulator.ccsOptions(), onUpstream: () => log.info("handled") });
await client.ready();
await phone.sendUpstream({ n: "1" }).acked;
await Promise.all([sender.close(), client.close()]);
await emulator.close();
`;

it("the programs of docs/observability.md run as they are written: spans are exported at the end, events and log lines are printed", async () => {
  const programs = await programsOf("docs/observability.md");
  expect(programs).toHaveLength(3);
  const [setUp, channels, logs] = programs.map(({ code }) => code);
  // where the SDK of OpenTelemetry is installed; two of the programs import the same name
  const folder = mkdtempSync(join(import.meta.dirname, "../opentelemetry/v2/.page-"));
  try {
    writeFileSync(join(folder, "page.mjs"), `${setUp}\n{\n${channels}\n}\n${logs}\n${PROGRAM}`);
    const { stdout } = await promisify(execFile)(process.execPath, ["page.mjs"], {
      cwd: folder,
      env: programEnvironment({
        NO_COLOR: "1",
        OTEL_TRACES_EXPORTER: "console",
        OTEL_METRICS_EXPORTER: "none",
        OTEL_LOGS_EXPORTER: "none",
      }),
      timeout: 60_000,
    });
    for (const span of ["send fcm-v1", "attempt fcm-v1", "wait retry", "process ccs"]) {
      expect(stdout).toContain(`name: '${span}'`);
    }
    expect(stdout).toMatch(/^\[ 'unavailable' \] \d+$/m);
    expect(stdout).toMatch(/^\S+ fcm-v1 \{\s+accepted: 1/m);
    const lines = stdout.split("\n").filter((line) => line.startsWith('{"level"'));
    const logged = lines.map((line) => JSON.parse(line) as { msg: string; trace_id?: string; phase?: string });
    expect(logged.filter(({ msg }) => msg === "ccs connection").map(({ phase }) => phase)).toContain("open");
    const handled = logged.find(({ msg }) => msg === "handled");
    expect(handled?.trace_id).toMatch(/^[0-9a-f]{32}$/);
    expect(stdout).toContain(`traceId: '${handled?.trace_id}'`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

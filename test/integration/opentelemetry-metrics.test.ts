import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createMemoryOutboxEngine, createOutbox } from "@cloud-messaging/core/transport";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender, createFcmV1Transport } from "@cloud-messaging/http-sender";
import { ATTRIBUTES, GAUGES, METRICS } from "@cloud-messaging/opentelemetry";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { setUpOpenTelemetry, type TestPoint } from "../support/opentelemetry.ts";

const definitions: Readonly<Record<string, { readonly attributes: readonly string[] }>> = { ...METRICS, ...GAUGES };
const alertsFile = join(import.meta.dirname, "../../packages/opentelemetry/alerts.yml");

let telemetry: Awaited<ReturnType<typeof setUpOpenTelemetry>>;
let emulator: Emulator;
let points: TestPoint[];
let text: string;

/** Sends over FCM with a retry and a failure, over CCS both ways, and through an outbox; then reads the metrics. */
beforeAll(async () => {
  telemetry = await setUpOpenTelemetry();
  emulator = await startEmulator();
  const phone = emulator.createDevice();
  await using sender = createFcmSender({ ...emulator.fcmOptions(), retry: { initialMs: 20, minMs: 20 } });
  emulator.faults.next({ token: phone.token, error: "unavailable" });
  await sender.send({ target: { tokens: [phone.token, "no-such-token"] }, data: { n: "1" } });
  await using client = createCcsClient({ ...emulator.ccsOptions(), onUpstream: () => undefined });
  await client.ready();
  await client.send({ target: { token: phone.token }, data: { n: "1" } });
  await phone.sendUpstream({ n: "1" }).acked;
  await client.idle();
  const transport = createFcmV1Transport(emulator.fcmOptions());
  await using outbox = createOutbox({ engine: createMemoryOutboxEngine(), transport });
  await outbox.enqueue({ target: { token: phone.token }, data: { n: "1" } });
  await outbox.work({ untilIdle: true });
  await outbox.enqueue({ target: { token: phone.token }, data: { n: "2" } }, { lane: "urgent" });
  points = await telemetry.points();
  text = await telemetry.prometheus();
});
afterAll(async () => {
  await telemetry.close();
  await emulator.close();
});

/** The value of a metric with these attributes. */
const metricValue = (metric: string, attributes: object): unknown =>
  points.find((point) => {
    const wanted = Object.entries(attributes);
    return point.metric === metric && wanted.every(([name, value]) => point.attributes[name] === value);
  })?.value;

describe("metrics", () => {
  it("count outcomes by kind and code, retries by the code before, and durations", () => {
    const system = { "messaging.system": "fcm-v1" };
    const outcomes = (kind: string) =>
      metricValue("cloud_messaging.outcomes", { ...system, "cloud_messaging.outcome.kind": kind });
    expect([outcomes("accepted"), outcomes("rejected") ?? outcomes("unregistered")]).toEqual([1, 1]);
    expect(metricValue("cloud_messaging.retries", { ...system, "cloud_messaging.outcome.code": "unavailable" })).toBe(
      1,
    );
    expect(metricValue("cloud_messaging.send.active", system)).toBe(0);
    expect(metricValue("cloud_messaging.send.duration", system)).toMatchObject({ count: 1 });
    expect(metricValue("cloud_messaging.wait.duration", { "cloud_messaging.wait.reason": "retry" })).toMatchObject({
      count: 1,
    });
    expect(
      metricValue("cloud_messaging.delivery.duration", { "cloud_messaging.delivery.type": "upstream" }),
    ).toMatchObject({
      count: 1,
    });
  });

  it("tell what is under way now: connections, windows, quota, the outbox by lane", () => {
    expect(metricValue("cloud_messaging.ccs.connections", { "cloud_messaging.ccs.phase": "open" })).toBe(1);
    expect(metricValue("cloud_messaging.ccs.pending", { "cloud_messaging.ccs.slot": 0 })).toBe(0);
    expect(metricValue("cloud_messaging.quota.limit", {})).toBe(600_000);
    expect(metricValue("cloud_messaging.outbox.depth", { "cloud_messaging.outbox.lane": "urgent" })).toBe(1);
    const age = metricValue("cloud_messaging.outbox.oldest.age", { "cloud_messaging.outbox.lane": "urgent" });
    expect(age).toBeGreaterThanOrEqual(0);
    expect(age).toBeLessThan(120);
    expect(metricValue("cloud_messaging.outbox.outcomes", { "cloud_messaging.outcome.kind": "accepted" })).toBe(1);
    expect(metricValue("cloud_messaging.ready", { "messaging.system": "fcm-v1" })).toBe(1);
  });

  it("have the attributes of their definitions and no others, and spans those of the list", () => {
    const own = points.filter(({ metric }) => metric.startsWith("cloud_messaging."));
    expect(new Set(own.map(({ metric }) => metric)).size).toBeGreaterThan(18);
    for (const { metric, attributes } of own) {
      const names = Object.keys(attributes);
      expect(
        names.filter((name) => !definitions[metric]?.attributes.includes(name)),
        metric,
      ).toEqual([]);
    }
    const spans = telemetry.spans().filter(({ name }) => /send|attempt|wait|outbox|ccs/.test(name));
    const known = Object.keys(ATTRIBUTES);
    for (const { name, attributes } of spans) {
      expect(
        Object.keys(attributes).filter((attribute) => !known.includes(attribute)),
        name,
      ).toEqual([]);
    }
    for (const { attributes } of Object.values(definitions))
      expect(known).toEqual(expect.arrayContaining([...attributes]));
  });

  it("have attributes of few values: none holds a token, a topic, a user or an ID of a message", () => {
    const open = [
      "cloud_messaging.send.id",
      "cloud_messaging.recipient",
      "messaging.message.id",
      "cloud_messaging.connection",
    ];
    for (const [metric, { attributes }] of Object.entries(definitions)) {
      expect(
        attributes.filter((name) => open.includes(name)),
        metric,
      ).toEqual([]);
    }
  });
});

/** Metrics that an alert names, but for the suffixes of histograms. */
const metricsOfAlerts = (): string[] => [
  ...new Set(
    [
      ...readFileSync(alertsFile, "utf8")
        .replace(/^#.*$/gm, "")
        .matchAll(/\bcloud_messaging_\w+(?=[{[ )]|$)/gm),
    ].map(([name]) => name),
  ),
];
const hasPromtool = (() => {
  try {
    execFileSync("promtool", ["--version"], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
})();

describe("alerts for Prometheus", () => {
  it("name metrics and labels that the exporter prints", () => {
    const printed = new Set(
      [...text.matchAll(/^# TYPE (\S+) (\S+)/gm)].flatMap(([, name = "", type]) =>
        type === "histogram" ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
      ),
    );
    const byEvents = ["cloud_messaging_unanswered_total", "cloud_messaging_outbox_failures_total"];
    const labels = ["cloud_messaging_outcome_code", "cloud_messaging_outcome_kind", "cloud_messaging_project"];
    const own = ["cloud_messaging_outbox_lane", "cloud_messaging_outbox_operation", "cloud_messaging_ccs_phase"];
    const metrics = metricsOfAlerts().filter((name) => ![...labels, ...own].includes(name));
    expect(metrics.length).toBeGreaterThan(4);
    // those of failures that did not happen here are checked by their definitions
    expect(metrics.filter((name) => !printed.has(name) && !byEvents.includes(name))).toEqual([]);
    for (const name of ["cloud_messaging.unanswered", "cloud_messaging.outbox.failures"])
      expect(METRICS).toHaveProperty([name]);
  });

  it.skipIf(!hasPromtool && process.env["CI"] === undefined)(
    "are well-formed, and so is what the exporter prints, says promtool",
    () => {
      const checked = execFileSync("promtool", ["check", "rules", alertsFile], { encoding: "utf8" });
      expect(checked).toMatch(/SUCCESS: [1-9]\d* rules found/);
      // status 3 is for advice on names
      const metrics = (() => {
        try {
          return execFileSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8", stdio: "pipe" });
        } catch (error) {
          const { status, stderr, stdout } = error as { status: number; stderr: string; stdout: string };
          return `${status === 3 ? "" : "failed: "}${stdout}${stderr}`;
        }
      })();
      expect(metrics).not.toMatch(/failed|error while linting/);
    },
  );
});

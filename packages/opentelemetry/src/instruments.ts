import type { Attributes, Meter } from "@opentelemetry/api";
import type { AttributeName, OwnAttributes } from "./attributes.ts";
import { kept } from "./errors.ts";

/** Definition of a metric. */
export interface MetricDefinition {
  readonly kind: "counter" | "up-down-counter" | "histogram" | "gauge";
  readonly unit: string;
  readonly description: string;
  readonly attributes: readonly AttributeName[];
}

const SYSTEM = "messaging.system";
const OUTBOX = ["cloud_messaging.outbox.engine", "cloud_messaging.outbox.lane"] as const;

/** All metrics that are recorded as things happen. `docs/observability.md` has the same table, held by a test. */
export const METRICS = {
  "cloud_messaging.send.duration": {
    kind: "histogram",
    unit: "s",
    description: "Time from the call of a send to its report, retries and waits included",
    attributes: [SYSTEM, "cloud_messaging.target", "error.type"],
  },
  "cloud_messaging.send.active": {
    kind: "up-down-counter",
    unit: "{send}",
    description: "Sends under way",
    attributes: [SYSTEM],
  },
  "cloud_messaging.outcomes": {
    kind: "counter",
    unit: "{recipient}",
    description: "Final outcomes of sends, by kind and code",
    attributes: [SYSTEM, "cloud_messaging.outcome.kind", "cloud_messaging.outcome.code"],
  },
  "cloud_messaging.unanswered": {
    kind: "counter",
    unit: "{copy}",
    description:
      "Copies that were written and never answered, of sends that have ended: recipients that may have a message twice",
    attributes: [SYSTEM],
  },
  "cloud_messaging.attempt.duration": {
    kind: "histogram",
    unit: "s",
    description: "Time of one attempt, up to the answers about all its recipients",
    attributes: [SYSTEM, "error.type"],
  },
  "cloud_messaging.retries": {
    kind: "counter",
    unit: "{recipient}",
    description: "Recipients that are sent to again, by the code of the attempt before",
    attributes: [SYSTEM, "cloud_messaging.outcome.code"],
  },
  "cloud_messaging.wait.duration": {
    kind: "histogram",
    unit: "s",
    description: "Waits for the next attempt and for quota",
    attributes: [SYSTEM, "cloud_messaging.wait.reason"],
  },
  "cloud_messaging.wait.active": {
    kind: "up-down-counter",
    unit: "{wait}",
    description: "Waits under way",
    attributes: [SYSTEM, "cloud_messaging.wait.reason"],
  },
  "cloud_messaging.delivery.duration": {
    kind: "histogram",
    unit: "s",
    description: "Handling of upstream messages and delivery receipts, up to the acknowledgement",
    attributes: [SYSTEM, "cloud_messaging.delivery.type", "error.type"],
  },
  "cloud_messaging.ccs.transitions": {
    kind: "counter",
    unit: "{transition}",
    description:
      "Phases that CCS connections have entered: draining ones are drains, backing-off ones are waits for a reconnect",
    attributes: ["cloud_messaging.ccs.phase", "cloud_messaging.ccs.drain"],
  },
  "cloud_messaging.ccs.resends": {
    kind: "counter",
    unit: "{message}",
    description: "Messages written again on another connection",
    attributes: [],
  },
  "cloud_messaging.outbox.enqueue.duration": {
    kind: "histogram",
    unit: "s",
    description: "Time to store a message or campaign",
    attributes: [...OUTBOX, "error.type"],
  },
  "cloud_messaging.outbox.enqueued": {
    kind: "counter",
    unit: "{recipient}",
    description: "Recipients stored",
    attributes: [...OUTBOX],
  },
  "cloud_messaging.outbox.claim.duration": {
    kind: "histogram",
    unit: "s",
    description: "Time from the claim of a chunk until its lease is given back",
    attributes: [...OUTBOX],
  },
  "cloud_messaging.outbox.claim.age": {
    kind: "histogram",
    unit: "s",
    description: "Time from the moment a message was due to the claim",
    attributes: [...OUTBOX],
  },
  "cloud_messaging.outbox.outcomes": {
    kind: "counter",
    unit: "{recipient}",
    description: "Final outcomes recorded in an outbox",
    attributes: ["cloud_messaging.outbox.engine", "cloud_messaging.outcome.kind"],
  },
  "cloud_messaging.outbox.recovered": {
    kind: "counter",
    unit: "{recipient}",
    description: "Recipients in doubt whose worker had ended before it recorded the answer",
    attributes: ["cloud_messaging.outbox.engine"],
  },
  "cloud_messaging.outbox.lost_leases": {
    kind: "counter",
    unit: "{lease}",
    description: "Leases that have expired while their worker was alive",
    attributes: ["cloud_messaging.outbox.engine"],
  },
  "cloud_messaging.outbox.failures": {
    kind: "counter",
    unit: "{failure}",
    description: "Operations of the engine that have failed and are tried again",
    attributes: ["cloud_messaging.outbox.engine", "cloud_messaging.outbox.operation"],
  },
  "cloud_messaging.gateway.duration": {
    kind: "histogram",
    unit: "s",
    description: "Time from a message of an app server to the decision about it",
    attributes: [
      "cloud_messaging.gateway.client",
      "cloud_messaging.gateway.project",
      "cloud_messaging.gateway.protocol",
      "cloud_messaging.gateway.result",
    ],
  },
  "cloud_messaging.notices": {
    kind: "counter",
    unit: "{notice}",
    description: "Notices about the service, the configuration or a store",
    attributes: [SYSTEM, "cloud_messaging.notice"],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

/** The name of a metric. */
export type MetricName = keyof typeof METRICS;

/** Attributes of a metric. */
export type MetricAttributes<N extends MetricName> = Pick<
  OwnAttributes,
  Extract<(typeof METRICS)[N]["attributes"][number], AttributeName>
>;

/** Records values of metrics. */
export interface Instruments {
  record<N extends MetricName>(name: N, value: number, attributes: MetricAttributes<N>): void;
}

/** Upper bounds of the buckets of durations: of a request, of a retry, of a campaign. Unit: seconds. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 3600];

/** Creates the instruments of a meter. */
export function createInstruments(meter: Meter): Instruments {
  const recorders = new Map<string, (value: number, attributes: Attributes) => void>();
  for (const [name, { kind, unit, description }] of Object.entries(METRICS) as [string, MetricDefinition][]) {
    const options = { unit, description };
    if (kind === "histogram") {
      const histogram = meter.createHistogram(name, { ...options, advice: { explicitBucketBoundaries: SECONDS } });
      recorders.set(name, (value, attributes) => histogram.record(value, attributes));
    } else {
      const counter =
        kind === "counter" ? meter.createCounter(name, options) : meter.createUpDownCounter(name, options);
      recorders.set(name, (value, attributes) => counter.add(value, attributes));
    }
  }
  return {
    record: (name, value, attributes) => recorders.get(name)?.(value, kept(attributes)),
  };
}

import type { SenderHealth } from "@cloud-messaging/core";
import { healthSources } from "@cloud-messaging/core/transport";
import type { BatchObservableCallback, BatchObservableResult, Meter, Observable } from "@opentelemetry/api";
import type { AttributeName, OwnAttributes } from "./attributes.ts";
import { kept } from "./errors.ts";
import type { MetricDefinition } from "./instruments.ts";

const SYSTEM = "messaging.system";

/** All gauges: they are read of `health()` of every sender and outbox of the process when metrics are collected. */
export const GAUGES = {
  "cloud_messaging.ready": {
    kind: "gauge",
    unit: "1",
    description: "1 where every sender of the system, or outbox, is ready; 0 where one is not",
    attributes: [SYSTEM],
  },
  "cloud_messaging.ccs.waiting": {
    kind: "gauge",
    unit: "{message}",
    description: "Messages that wait for a place in a window",
    attributes: [],
  },
  "cloud_messaging.ccs.connections": {
    kind: "gauge",
    unit: "{connection}",
    description: "CCS connections by phase",
    attributes: ["cloud_messaging.ccs.phase"],
  },
  "cloud_messaging.ccs.pending": {
    kind: "gauge",
    unit: "{message}",
    description: "Messages written and not answered, by connection: at most 100 each",
    attributes: ["cloud_messaging.ccs.slot"],
  },
  "cloud_messaging.ccs.ping": {
    kind: "gauge",
    unit: "s",
    description: "Round trip of the latest ping, by connection; a connection with traffic is not pinged",
    attributes: ["cloud_messaging.ccs.slot"],
  },
  "cloud_messaging.quota.limit": {
    kind: "gauge",
    unit: "{message}/min",
    description: "Rate limit of an FCM project",
    attributes: ["cloud_messaging.project"],
  },
  "cloud_messaging.quota.left": {
    kind: "gauge",
    unit: "{message}",
    description: "Permits of the project's quota that are free now: at most those of one second",
    attributes: ["cloud_messaging.project"],
  },
  "cloud_messaging.quota.waiting": {
    kind: "gauge",
    unit: "{message}",
    description: "Messages that wait for a permit of the project's quota",
    attributes: ["cloud_messaging.project"],
  },
  "cloud_messaging.outbox.depth": {
    kind: "gauge",
    unit: "{recipient}",
    description: "Unsettled recipients; each collection asks the engine for its backlog",
    attributes: ["cloud_messaging.outbox.engine", "cloud_messaging.outbox.lane"],
  },
  "cloud_messaging.outbox.oldest.age": {
    kind: "gauge",
    unit: "s",
    description:
      "Time since the earliest work that no worker has claimed was due; 0 where nothing is due; not of BullMQ",
    attributes: ["cloud_messaging.outbox.engine", "cloud_messaging.outbox.lane"],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

type GaugeName = keyof typeof GAUGES;
type Observe = (name: GaugeName, value: number, attributes: OwnAttributes) => void;

/** Creates the gauges of a meter. @returns Function that ends them. */
export function createGauges(meter: Meter): () => void {
  const gauges = new Map<GaugeName, Observable>();
  for (const [name, { unit, description }] of Object.entries(GAUGES)) {
    gauges.set(name as GaugeName, meter.createObservableGauge(name, { unit, description }));
  }
  const observables = [...gauges.values()];
  const callback: BatchObservableCallback = async (result: BatchObservableResult) => {
    await observe((name, value, attributes) => {
      const gauge = gauges.get(name);
      if (gauge !== undefined) result.observe(gauge, value, kept(attributes));
    });
  };
  meter.addBatchObservableCallback(callback, observables);
  return () => meter.removeBatchObservableCallback(callback, observables);
}

async function observe(tell: Observe): Promise<void> {
  const sums = new Sums();
  const asked: Promise<void>[] = [];
  for (const source of healthSources()) {
    if (source.kind === "sender") observeSender(source.health(), sums);
    else {
      asked.push(
        source.health().then(({ ready, engine, lanes, oldestDueMs }) => {
          sums.least("cloud_messaging.ready", ready ? 1 : 0, { [SYSTEM]: "outbox" });
          const ages = new Map(Object.entries(oldestDueMs ?? {}));
          for (const [lane, depth] of Object.entries(lanes)) {
            const of = { "cloud_messaging.outbox.engine": engine, "cloud_messaging.outbox.lane": lane };
            sums.add("cloud_messaging.outbox.depth", depth, of);
            if (oldestDueMs !== undefined) {
              sums.most("cloud_messaging.outbox.oldest.age", (ages.get(lane) ?? 0) / 1000, of);
            }
          }
        }),
      );
    }
  }
  await Promise.all(asked);
  sums.tell(tell);
}

function observeSender({ transport, ready, waiting, connections, quota }: SenderHealth, sums: Sums): void {
  sums.least("cloud_messaging.ready", ready ? 1 : 0, { [SYSTEM]: transport });
  if (waiting !== undefined) sums.add("cloud_messaging.ccs.waiting", waiting, {});
  // by place and not by ID: IDs grow with every reconnect
  for (const [slot, { phase, pending, roundTripMs }] of (connections ?? []).entries()) {
    sums.add("cloud_messaging.ccs.connections", 1, { "cloud_messaging.ccs.phase": phase });
    sums.add("cloud_messaging.ccs.pending", pending, { "cloud_messaging.ccs.slot": slot });
    if (roundTripMs !== undefined) {
      sums.most("cloud_messaging.ccs.ping", roundTripMs / 1000, { "cloud_messaging.ccs.slot": slot });
    }
  }
  if (quota === undefined) return;
  // one quota for all senders of a project
  const of = { "cloud_messaging.project": quota.project };
  sums.least("cloud_messaging.quota.limit", quota.perMinute, of);
  sums.least("cloud_messaging.quota.left", quota.left, of);
  sums.most("cloud_messaging.quota.waiting", quota.waiting, of);
}

interface Sum {
  readonly name: GaugeName;
  readonly attributes: OwnAttributes;
  value: number;
}

/** Values of several senders and outboxes, made one for each set of attributes. */
class Sums {
  readonly #sums = new Map<string, Sum>();

  add(name: GaugeName, value: number, attributes: OwnAttributes): void {
    this.#merge(name, value, attributes, (one, other) => one + other);
  }

  least(name: GaugeName, value: number, attributes: OwnAttributes): void {
    this.#merge(name, value, attributes, Math.min);
  }

  most(name: GaugeName, value: number, attributes: OwnAttributes): void {
    this.#merge(name, value, attributes, Math.max);
  }

  tell(observe: Observe): void {
    for (const { name, value, attributes } of this.#sums.values()) observe(name, value, attributes);
  }

  #merge(name: GaugeName, value: number, attributes: Partial<Record<AttributeName, unknown>>, merge: Merge): void {
    const key = `${name} ${JSON.stringify(attributes)}`;
    const sum = this.#sums.get(key);
    if (sum === undefined) this.#sums.set(key, { name, value, attributes: attributes as OwnAttributes });
    else sum.value = merge(sum.value, value);
  }
}

type Merge = (one: number, other: number) => number;

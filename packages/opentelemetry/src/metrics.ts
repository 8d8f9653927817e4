import {
  type CloudMessagingEvents,
  type CloudMessagingOperations,
  type EventName,
  type OperationName,
  operationChannel,
  subscribe,
} from "@cloud-messaging/core";
import type { OperationBase } from "@cloud-messaging/core/transport";
import type { MeterProvider } from "@opentelemetry/api";
import { errorType } from "./errors.ts";
import { createGauges } from "./gauges.ts";
import { createInstruments, type Instruments, type MetricAttributes, type MetricName } from "./instruments.ts";
import { mostFrequent } from "./spans.ts";

/** Records metrics of operations and events, from `start` to `stop`. */
export class Metrics {
  readonly #provider: () => MeterProvider;
  readonly #name: string;
  readonly #version: string;
  readonly #stops: (() => void)[] = [];
  /** Starts of operations, on the monotonic clock. Unit: milliseconds. */
  readonly #started = new WeakMap<object, number>();
  #from: MeterProvider | undefined;
  #instruments: Instruments | undefined;
  #endGauges: () => void = () => {};

  constructor(provider: () => MeterProvider, name: string, version: string) {
    this.#provider = provider;
    this.#name = name;
    this.#version = version;
  }

  /** Takes the provider that is set now: gauges are read from then on. */
  use(): void {
    this.#create(this.#provider());
  }

  start(): void {
    this.use();
    this.#operations();
    this.#events();
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#endGauges();
  }

  /** Records a value with the provider that is set now. */
  #record<N extends MetricName>(name: N, value: number, attributes: MetricAttributes<N>): void {
    const provider = this.#provider();
    const instruments =
      this.#instruments !== undefined && provider === this.#from ? this.#instruments : this.#create(provider);
    instruments.record(name, value, attributes);
  }

  #create(provider: MeterProvider): Instruments {
    const meter = provider.getMeter(this.#name, this.#version);
    this.#from = provider;
    this.#instruments = createInstruments(meter);
    this.#endGauges();
    this.#endGauges = createGauges(meter);
    return this.#instruments;
  }

  #operations(): void {
    this.#follow("cloud-messaging:send", {
      begun: ({ transport }) => this.#record("cloud_messaging.send.active", 1, { "messaging.system": transport }),
      ended: (operation, seconds) => this.#sent(operation, seconds),
    });
    this.#follow("cloud-messaging:attempt", {
      ended: ({ transport, result, error }, seconds) => {
        const isDone = result !== undefined && result.counts.accepted + result.counts.unregistered > 0;
        this.#record("cloud_messaging.attempt.duration", seconds, {
          "messaging.system": transport,
          "error.type": isDone ? undefined : (mostFrequent(result?.codes ?? {}) ?? typeOf(error)),
        });
      },
    });
    this.#follow("cloud-messaging:wait", {
      begun: (operation) => this.#record("cloud_messaging.wait.active", 1, waitOf(operation)),
      ended: (operation, seconds) => {
        this.#record("cloud_messaging.wait.active", -1, waitOf(operation));
        this.#record("cloud_messaging.wait.duration", seconds, waitOf(operation));
      },
    });
    this.#follow("cloud-messaging:upstream", {
      ended: ({ transport, type, error }, seconds) =>
        this.#record("cloud_messaging.delivery.duration", seconds, {
          "messaging.system": transport,
          "cloud_messaging.delivery.type": type,
          "error.type": typeOf(error),
        }),
    });
    this.#follow("cloud-messaging:outbox-enqueue", {
      ended: ({ engine, lane, result, error }, seconds) => {
        const stored = { "cloud_messaging.outbox.engine": engine, "cloud_messaging.outbox.lane": lane };
        this.#record("cloud_messaging.outbox.enqueue.duration", seconds, { ...stored, "error.type": typeOf(error) });
        if (result?.created) this.#record("cloud_messaging.outbox.enqueued", result.recipients, stored);
      },
    });
    this.#follow("cloud-messaging:outbox-claim", {
      ended: ({ engine, lane, ageMs }, seconds) => {
        const claimed = { "cloud_messaging.outbox.engine": engine, "cloud_messaging.outbox.lane": lane };
        this.#record("cloud_messaging.outbox.claim.duration", seconds, claimed);
        this.#record("cloud_messaging.outbox.claim.age", ageMs / 1000, claimed);
      },
    });
    this.#follow("cloud-messaging:gateway-request", {
      ended: ({ client, project, protocol, result, error }, seconds) =>
        this.#record("cloud_messaging.gateway.duration", seconds, {
          "cloud_messaging.gateway.client": client,
          "cloud_messaging.gateway.project": project,
          "cloud_messaging.gateway.protocol": protocol,
          "cloud_messaging.gateway.result": result ?? typeOf(error),
        }),
    });
  }

  #sent({ transport, target, result, error }: CloudMessagingOperations["cloud-messaging:send"], seconds: number): void {
    const system = { "messaging.system": transport };
    this.#record("cloud_messaging.send.active", -1, system);
    const isDone = result !== undefined && result.counts.accepted + result.counts.unregistered > 0;
    this.#record("cloud_messaging.send.duration", seconds, {
      ...system,
      "cloud_messaging.target": target,
      "error.type": isDone ? undefined : (mostFrequent(result?.codes ?? {}) ?? typeOf(error)),
    });
    if (result === undefined) return;
    for (const { kind, code, recipients } of result.kinds) {
      this.#record("cloud_messaging.outcomes", recipients, {
        ...system,
        "cloud_messaging.outcome.kind": kind,
        "cloud_messaging.outcome.code": code,
      });
    }
    if (result.unanswered > 0) this.#record("cloud_messaging.unanswered", result.unanswered, system);
  }

  #events(): void {
    this.#listen("cloud-messaging:retry", ({ transport, recipients, codes }) =>
      this.#record("cloud_messaging.retries", recipients, {
        "messaging.system": transport,
        "cloud_messaging.outcome.code": codes[0],
      }),
    );
    this.#listen("cloud-messaging:ccs-connection", ({ phase, reason }) =>
      this.#record("cloud_messaging.ccs.transitions", 1, {
        "cloud_messaging.ccs.phase": phase,
        // of the other phases it is a text
        "cloud_messaging.ccs.drain": phase === "draining" ? reason : undefined,
      }),
    );
    this.#listen("cloud-messaging:ccs-resend", ({ messages }) =>
      this.#record("cloud_messaging.ccs.resends", messages, {}),
    );
    this.#listen("cloud-messaging:outbox-settle", ({ engine, counts }) => {
      for (const [kind, recipients] of Object.entries(counts)) {
        this.#record("cloud_messaging.outbox.outcomes", recipients, {
          "cloud_messaging.outbox.engine": engine,
          "cloud_messaging.outcome.kind": kind,
        });
      }
    });
    this.#listen("cloud-messaging:outbox-recover", ({ engine, recipients }) =>
      this.#record("cloud_messaging.outbox.recovered", recipients, { "cloud_messaging.outbox.engine": engine }),
    );
    this.#listen("cloud-messaging:outbox-lease-lost", ({ engine }) =>
      this.#record("cloud_messaging.outbox.lost_leases", 1, { "cloud_messaging.outbox.engine": engine }),
    );
    this.#listen("cloud-messaging:outbox-failure", ({ engine, operation }) =>
      this.#record("cloud_messaging.outbox.failures", 1, {
        "cloud_messaging.outbox.engine": engine,
        "cloud_messaging.outbox.operation": operation,
      }),
    );
    this.#listen("cloud-messaging:notice", ({ transport, notice }) =>
      this.#record("cloud_messaging.notices", 1, { "messaging.system": transport, "cloud_messaging.notice": notice }),
    );
  }

  #follow<N extends OperationName>(name: N, { begun, ended }: Follower<CloudMessagingOperations[N]>): void {
    const { start, asyncEnd } = operationChannel(name);
    const onStart = (operation: unknown): void => {
      this.#started.set(operation as object, performance.now());
      begun?.(operation as CloudMessagingOperations[N]);
    };
    const onEnd = (operation: unknown): void => {
      const startedAt = this.#started.get(operation as object);
      if (startedAt === undefined) return;
      ended(operation as CloudMessagingOperations[N], (performance.now() - startedAt) / 1000);
    };
    start.subscribe(onStart);
    asyncEnd.subscribe(onEnd);
    this.#stops.push(() => {
      start.unsubscribe(onStart);
      asyncEnd.unsubscribe(onEnd);
    });
  }

  #listen<N extends EventName>(name: N, listener: (event: CloudMessagingEvents[N]) => void): void {
    this.#stops.push(subscribe(name, listener));
  }
}

interface Follower<O extends OperationBase> {
  begun?(operation: O): void;
  /** @param seconds Time since the start. */
  ended(operation: O, seconds: number): void;
}

const typeOf = (error: unknown): string | undefined => (error === undefined ? undefined : errorType(error));

const waitOf = ({ transport, reason }: CloudMessagingOperations["cloud-messaging:wait"]) => ({
  "messaging.system": transport,
  "cloud_messaging.wait.reason": reason,
});

import { type MeterProvider, metrics, type TracerProvider, trace } from "@opentelemetry/api";
import { Metrics } from "./metrics.ts";
import { Traces } from "./traces.ts";
import { VERSION } from "./version.ts";

const NAME = "@cloud-messaging/opentelemetry";

/** Options of `CloudMessagingInstrumentation`. */
export interface CloudMessagingInstrumentationConfig {
  /**
   * True to begin at once.
   * @defaultValue true
   */
  readonly enabled?: boolean;
}

/**
 * Instrumentation of every sender, client, outbox and gateway of this SDK in the process: spans and metrics, made of the SDK's own channels.
 * Nothing is patched, so that it works with ES modules, CommonJS and bundles, and whenever it is created.
 *
 * It is an `Instrumentation` of `@opentelemetry/instrumentation` and does not need that package. One is enough for a process.
 *
 * @example
 * ```ts
 * import { CloudMessagingInstrumentation } from "@cloud-messaging/opentelemetry";
 *
 * // for `instrumentations` of NodeSDK, or of registerInstrumentations()
 * export const instrumentations = [new CloudMessagingInstrumentation()];
 * ```
 */
export class CloudMessagingInstrumentation {
  /** Name of the package, and of the tracer and meter. */
  readonly instrumentationName = NAME;
  /** Version of the package. */
  readonly instrumentationVersion = VERSION;
  readonly #traces: Traces;
  readonly #metrics: Metrics;
  #config: CloudMessagingInstrumentationConfig;
  #tracerProvider: TracerProvider | undefined;
  #meterProvider: MeterProvider | undefined;
  #enabled = false;

  constructor(config: CloudMessagingInstrumentationConfig = {}) {
    this.#config = { enabled: true, ...config };
    this.#traces = new Traces(() => (this.#tracerProvider ?? trace).getTracer(NAME, VERSION));
    // the global provider may be set later than this is created
    this.#metrics = new Metrics(() => this.#meterProvider ?? metrics.getMeterProvider(), NAME, VERSION);
    if (this.#config.enabled) this.enable();
  }

  /** Begins to make spans and metrics. */
  enable(): void {
    if (this.#enabled) return;
    this.#enabled = true;
    this.#traces.start();
    this.#metrics.start();
  }

  /** Ends it. Spans under way are not ended. */
  disable(): void {
    this.#enabled = false;
    this.#traces.stop();
    this.#metrics.stop();
  }

  /** Sets the provider of tracers. Default: the global one. */
  setTracerProvider(provider: TracerProvider): void {
    this.#tracerProvider = provider;
  }

  /** Sets the provider of meters. Default: the global one. */
  setMeterProvider(provider: MeterProvider): void {
    this.#meterProvider = provider;
    if (this.#enabled) this.#metrics.use();
  }

  /** Replaces the options; `enabled` has no effect by then. */
  setConfig(config: CloudMessagingInstrumentationConfig): void {
    this.#config = { enabled: true, ...config };
  }

  /** The options. */
  getConfig(): CloudMessagingInstrumentationConfig {
    return this.#config;
  }
}

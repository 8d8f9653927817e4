import { InvalidOptionsError } from "@cloud-messaging/core";
import { createOutbox as createOutboxOver, type Outbox, type OutboxOptions } from "@cloud-messaging/core/transport";
import { createEmbeddedEngine } from "./embedded-engine.ts";

/** Options of an embedded outbox. */
export interface EmbeddedOutboxOptions extends OutboxOptions {
  /** Folder of the outbox, made where it is missing, on a disk of this machine: not on a network file system. */
  readonly path: string;
}

/**
 * Creates an outbox in a folder of this machine. Any number of processes of the machine may enqueue into it and work on it at once.
 *
 * @throws {InvalidOptionsError} an option is wrong, or the transport has retries.
 * @throws {OutboxStorageError} the folder cannot be used: its message says why.
 *
 * @example
 * ```ts
 * import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
 * import { createOutbox } from "@cloud-messaging/outbox";
 *
 * await using outbox = createOutbox({ path: "./outbox", transport: createGcmHttpTransport({ apiKey: "AIza…" }) });
 * await outbox.enqueue({ target: { token: "of-a-device" }, notification: { title: "On its way" } }, { key: "order-17" });
 * await outbox.work({ untilIdle: true });
 * ```
 */
export function createOutbox(options: EmbeddedOutboxOptions): Outbox {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionsError([{ path: "", problem: "must be an object with a path" }]);
  }
  const { path, ...rest } = options;
  const engine = createEmbeddedEngine({ path, ...(rest.clock === undefined ? {} : { clock: rest.clock }) });
  try {
    return createOutboxOver({ ...rest, engine });
  } catch (error) {
    void engine.close();
    throw error;
  }
}

export {
  isCloudMessagingError,
  OutboxFullError,
  OutboxStorageError,
  subscribe,
} from "@cloud-messaging/core";
export type {
  CampaignRecipient,
  EnqueueAllOptions,
  Enqueued,
  EnqueueOptions,
  Outbox,
  OutboxEncryption,
  OutboxOptions,
  OutboxProgress,
  OutboxResult,
  Rate,
  ReplayOptions,
  ResultOptions,
  WorkOptions,
} from "@cloud-messaging/core/transport";
export { createEmbeddedEngine } from "./embedded-engine.ts";
export type { EmbeddedEngineOptions } from "./options.ts";

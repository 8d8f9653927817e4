import {
  AbortedError,
  ClosedError,
  type CloudMessagingError,
  type DownstreamMessage,
  InvalidMessageError,
  InvalidOptionsError,
  type SendReport,
  type UpstreamMessage,
} from "@cloud-messaging/core";
import {
  type AttemptOptions,
  checkSignalOptions,
  defined,
  failureOutcome,
  onAbort,
  recipientsOf,
  refuseV1Only,
  requireOptions,
  type TransportHealth,
  wait,
} from "@cloud-messaging/core/transport";
import type { Refusal } from "./connection/connection-state.ts";
import type { CcsConnectionInfo, CcsTransport } from "./connection/peer.ts";
import { ConnectionPool } from "./connection/pool.ts";
import { Downstream } from "./downstream/downstream.ts";
import { atEmulator } from "./emulator-environment.ts";
import { CCS_RETRY_POLICY, type CcsTransportOptions, checkReceiptOptions, resolveCcsOptions } from "./options.ts";
import { DeliveryQueue } from "./upstream/delivery-queue.ts";
import type { ReceiptHandler, UpstreamHandler } from "./upstream/handlers.ts";
import { Receipts } from "./upstream/receipts.ts";
import { createUpstreamIterable } from "./upstream/upstream-iterable.ts";

/**
 * Creates a transport for CCS. Connects in the background; a message sent before a connection is online waits for one. Each `send` is one
 * attempt: pass it to `createSender`, wrap it with `withRetry`, or use `createCcsClient` for retries.
 *
 * @example
 * ```ts
 * import { createCcsTransport } from "@cloud-messaging/ccs-client";
 * import { createSender } from "@cloud-messaging/core/transport";
 *
 * const transport = createCcsTransport({ senderId: "123456789012", apiKey: "AIza…" });
 * await using sender = createSender({ transport, retry: { maxAttempts: 3 } });
 * ```
 *
 * @throws {InvalidOptionsError} An option is invalid.
 */
export function createCcsTransport(options: CcsTransportOptions): CcsTransport {
  return new Ccs(options);
}

class Ccs implements CcsTransport {
  readonly name = "ccs";
  readonly sender: string;
  readonly usesMessageIds = true;
  readonly settlesAmbiguous = true;
  readonly retryPolicy = CCS_RETRY_POLICY;
  readonly preferredBatchSize = 1;
  readonly preferredConcurrency: number;
  readonly closeTimeoutMs: number;
  readonly closed: Promise<CloudMessagingError | undefined>;
  readonly #options: ReturnType<typeof resolveCcsOptions>;
  readonly #pool: ConnectionPool;
  readonly #downstream: Downstream;
  readonly #upstream: DeliveryQueue<UpstreamMessage>;
  readonly #receipts: Receipts;
  readonly #readyWaiters = new Set<(error?: Error) => void>();
  readonly #iterable: ReturnType<typeof createUpstreamIterable>;
  #resolveClosed: (error: CloudMessagingError | undefined) => void = () => undefined;
  #refused: Refusal | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: CcsTransportOptions) {
    const resolved = resolveCcsOptions(atEmulator(requireOptions(options)));
    this.#options = resolved;
    const { clock, handlerConcurrency, maxDeliveryAttempts, maxQueuedDeliveries, handledMessages, onDeadLetter } =
      resolved;
    this.sender = resolved.senderId;
    this.closeTimeoutMs = resolved.closeTimeoutMs;
    // twice the window: a message is waiting whenever a slot is released
    this.preferredConcurrency = 2 * resolved.maxPendingMessages * resolved.connections;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const queue = {
      concurrency: handlerConcurrency,
      maxDeliveryAttempts,
      maxQueued: maxQueuedDeliveries,
      handled: handledMessages,
      clock,
    };
    this.#upstream = new DeliveryQueue<UpstreamMessage>({
      ...queue,
      type: "upstream",
      // devices choose their IDs: unique per device only
      identity: ({ from, messageId }) => `${from}\n${messageId}`,
      orderKey: ({ from }) => from,
      deadLetter: async (message, deliveryAttempts, error) =>
        onDeadLetter?.({ type: "upstream", message, deliveryAttempts, error }),
    });
    this.#receipts = new Receipts(resolved, queue);
    this.#iterable = createUpstreamIterable(this.#upstream);
    if (resolved.onUpstream !== undefined) this.onUpstream(resolved.onUpstream);
    this.#pool = new ConnectionPool(resolved);
    this.#downstream = new Downstream(resolved, this.#pool);
    this.#pool.start({
      downstream: this.#downstream,
      upstream: this.#upstream,
      receipts: this.#receipts,
      online: () => this.#tellReady(),
      refused: (refusal) => this.#refuse(refusal),
    });
  }

  get pending(): number {
    let pending = 0;
    for (const { window } of this.#pool.connections) pending += window.size;
    return pending;
  }

  get waiting(): number {
    return this.#downstream.waiting;
  }

  get connections(): readonly CcsConnectionInfo[] {
    const infos: CcsConnectionInfo[] = [];
    for (const { id, state, window, roundTripMs } of this.#pool.connections) {
      // removed from the pool in the same turn
      if (state.phase === "closed") continue;
      const { phase } = state;
      const jid = "jid" in state ? state.jid : undefined;
      infos.push(defined({ id, phase, pending: window.size, roundTripMs, jid }));
    }
    return infos;
  }

  get lastError(): Error | undefined {
    const stall = this.#upstream.stall ?? this.#receipts.stall;
    return this.#pool.lastError ?? (stall === undefined ? undefined : new Error(stall));
  }

  health(): TransportHealth {
    const { connections, lastError, waiting } = this;
    const isOpen = connections.some(({ phase }) => phase === "open");
    const detail = lastError?.message;
    return defined({
      ready: isOpen,
      reason: isOpen ? undefined : (this.#refused?.error.message ?? "no connection is open"),
      lastError: detail === undefined ? undefined : { detail },
      waiting,
      connections: connections.map(({ jid: _, ...connection }) => connection),
    });
  }

  check(message: DownstreamMessage): void {
    refuseV1Only(message, "CCS");
    if (message.restrictedPackageName !== undefined) {
      throw new InvalidMessageError([
        { path: "restrictedPackageName", problem: "is not available over CCS: leave it out, or send over HTTP" },
      ]);
    }
    if (message.messageId !== undefined && this.#isPending(message.messageId)) {
      throw messageIdInUse();
    }
  }

  send(message: DownstreamMessage, options: AttemptOptions = {}): Promise<SendReport> {
    const ended = this.#refused?.code ?? (this.#closing === undefined ? undefined : "closed");
    if (ended !== undefined) {
      const detail = this.#refused?.error.message ?? "the transport is closed";
      const outcomes = recipientsOf(message.target).map((recipient) => failureOutcome(ended, { recipient, detail }));
      return Promise.resolve({ outcomes });
    }
    if (!message.deliveryReceiptRequested) return this.#downstream.send(message, options);
    const messageIds = this.#messageIdsFor(message, options.messageIds);
    this.#receipts.expect(message, messageIds);
    return this.#downstream.send(message, { ...options, messageIds });
  }

  async receiptFor(messageId: string, options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {}) {
    checkReceiptOptions(options);
    return this.#receipts.waitFor(messageId, options);
  }

  async ready(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    checkSignalOptions(options, "an option of ready");
    const { signal } = options;
    if (this.#refused !== undefined) return Promise.reject(this.#refused.error);
    if (this.#closing !== undefined) return Promise.reject(new ClosedError("The CCS transport"));
    if (this.connections.some(({ phase }) => phase === "open")) return Promise.resolve();
    // the message names the reason why no connection came up
    const aborted = (): AbortedError => {
      const { lastError } = this;
      const why = lastError === undefined ? "" : ` (last error: ${lastError.message})`;
      return new AbortedError(`Waiting for a connection${why}`, signal?.reason, "one was online");
    };
    if (signal?.aborted) return Promise.reject(aborted());
    return new Promise((resolve, reject) => {
      const done = (error?: Error): void => {
        stopWaiting();
        this.#readyWaiters.delete(done);
        if (error === undefined) resolve();
        else reject(error);
      };
      const stopWaiting = onAbort(signal, () => done(aborted()));
      this.#readyWaiters.add(done);
    });
  }

  async idle(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    checkSignalOptions(options, "an option of idle");
    const { signal } = options;
    do {
      if (signal?.aborted) throw new AbortedError("Waiting to be idle", signal.reason, "all had settled");
      // a handler may send, and a send may lead to a receipt: idle means all three at the same time
      await Promise.all([this.#downstream.idle(signal), this.#upstream.idle(signal), this.#receipts.idle(signal)]);
    } while (this.#downstream.unsettled + this.#upstream.running + this.#receipts.running > 0);
  }

  onUpstream(handler: UpstreamHandler): () => void {
    assertHandler("onUpstream", handler);
    if (this.#upstream.handler !== undefined) throw alreadyHandled("onUpstream");
    // wrapped: the function returned for an earlier registration must not remove a later one of the same handler
    const wrapped: UpstreamHandler = (message, context) => handler(message, context);
    this.#upstream.handleWith(wrapped);
    return () => {
      if (this.#upstream.handler === wrapped) this.#upstream.handleWith(undefined);
    };
  }

  onReceipt(handler: ReceiptHandler): () => void {
    assertHandler("onReceipt", handler);
    if (this.#receipts.handler !== undefined) throw alreadyHandled("onReceipt");
    const wrapped: ReceiptHandler = (receipt, context) => handler(receipt, context);
    this.#receipts.handleWith(wrapped);
    return () => {
      if (this.#receipts.handler === wrapped) this.#receipts.handleWith(undefined);
    };
  }

  upstream(): AsyncIterableIterator<UpstreamMessage> {
    if (this.#upstream.handler !== undefined && !this.#iterable.active) throw alreadyHandled("upstream");
    return this.#iterable.create();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const error = new ClosedError("The CCS transport");
    for (const done of [...this.#readyWaiters]) done(error);
    this.#iterable.close();
    this.#upstream.stop();
    this.#receipts.stop();
    const { clock, closeTimeoutMs } = this.#options;
    const settled = new AbortController();
    const limit = wait(clock, closeTimeoutMs, settled.signal);
    await Promise.race([this.idle(), limit]);
    settled.abort();
    this.#downstream.failAll("closed", "the client was closed");
    this.#upstream.abort(error);
    this.#receipts.abort(error);
    await this.#pool.close();
    this.#resolveClosed(this.#refused?.error);
  }

  #isPending(id: string): boolean {
    if (this.#downstream.has(id)) return true;
    for (const { window } of this.#pool.connections) if (window.has(id)) return true;
    return false;
  }

  /** Returns one message ID per recipient; creates those that are missing. */
  #messageIdsFor(message: DownstreamMessage, messageIds: readonly string[] | undefined): string[] {
    const recipients = recipientsOf(message.target);
    const ownId = recipients.length === 1 ? message.messageId : undefined;
    return recipients.map((_, position) => messageIds?.[position] ?? ownId ?? this.#downstream.createMessageId());
  }

  #tellReady(): void {
    for (const done of [...this.#readyWaiters]) done();
  }

  #refuse(refusal: Refusal): void {
    this.#refused = refusal;
    // written messages may still be answered: close() waits for them
    this.#downstream.refuse(refusal.code, refusal.error.message);
    for (const done of [...this.#readyWaiters]) done(refusal.error);
    // no connection can come about any more; `closed` resolves with the error
    void this.close();
  }
}

/** Creates the error for a message ID that is in use. */
export function messageIdInUse(): InvalidMessageError {
  return new InvalidMessageError([
    { path: "messageId", problem: "belongs to a message that is still pending: use another one" },
  ]);
}

/** @throws {InvalidOptionsError} The handler is not a function. */
function assertHandler(path: string, handler: unknown): void {
  if (typeof handler !== "function") throw new InvalidOptionsError([{ path, problem: "must be a function" }]);
}

function alreadyHandled(path: string): InvalidOptionsError {
  return new InvalidOptionsError([
    { path, problem: "messages are handled already: take the other handler off, or end the loop, first" },
  ]);
}

import {
  AbortedError,
  type AuthenticationError,
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
  failureOutcome,
  onAbort,
  publish,
  recipientsOf,
  refuseV1Only,
  wait,
} from "@cloud-messaging/core/transport";
import type { CcsFrame } from "@cloud-messaging/core/wire";
import type { Connection } from "./connection/connection.ts";
import type { CcsConnectionInfo, CcsTransport } from "./connection/peer.ts";
import { ConnectionPool } from "./connection/pool.ts";
import { Downstream } from "./downstream/downstream.ts";
import type { Outgoing } from "./downstream/outgoing.ts";
import { atEmulator } from "./emulator-environment.ts";
import { CCS_RETRY_POLICY, type CcsTransportOptions, resolveCcsOptions } from "./options.ts";
import { type DeliverySource, Inbox } from "./upstream/delivery-queue.ts";
import { Receipts } from "./upstream/receipts.ts";
import type { ReceiptHandler, UpstreamHandler } from "./upstream/upstream.ts";
import { createUpstreamIterable } from "./upstream/upstream-iterable.ts";

/**
 * Opens connections to CCS and keeps them up. Returns at once; a message sent before a connection is online waits for it.
 *
 * @throws {InvalidOptionsError} an option is wrong.
 */
export function createCcsTransport(options: CcsTransportOptions): CcsTransport {
  return new Ccs(options);
}

class Ccs implements CcsTransport {
  readonly name = "ccs";
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
  readonly #upstream: Inbox<UpstreamMessage>;
  readonly #receipts: Receipts;
  readonly #sources = new WeakMap<Connection<Outgoing>, DeliverySource>();
  readonly #readyWaiters = new Set<(error?: Error) => void>();
  readonly #iterable: ReturnType<typeof createUpstreamIterable>;
  #resolveClosed: (error: CloudMessagingError | undefined) => void = () => undefined;
  #refused: AuthenticationError | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: CcsTransportOptions) {
    const resolved = resolveCcsOptions(atEmulator(options));
    this.#options = resolved;
    const { clock, handlerConcurrency, maxHandlerTries, maxQueuedUpstream, handledMessages, onGivenUp } = resolved;
    this.closeTimeoutMs = resolved.closeTimeoutMs;
    // twice the window: the next message is at hand when a slot is given back
    this.preferredConcurrency = 2 * resolved.maxPendingMessages * resolved.connections;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const inbox = {
      concurrency: handlerConcurrency,
      maxTries: maxHandlerTries,
      maxQueued: maxQueuedUpstream,
      handled: handledMessages,
      clock,
    };
    this.#upstream = new Inbox<UpstreamMessage>({
      ...inbox,
      type: "upstream",
      // a device chooses its IDs; only together with the sender of the message they are unique
      identity: ({ from, messageId }) => `${from}\n${messageId}`,
      orderKey: ({ from }) => from,
      giveUp: async (message, tries, error) => onGivenUp?.({ type: "upstream", message, tries, error }),
    });
    this.#receipts = new Receipts(resolved, inbox);
    this.#iterable = createUpstreamIterable(this.#upstream);
    if (resolved.onUpstream !== undefined) this.onUpstream(resolved.onUpstream);
    this.#pool = new ConnectionPool(resolved, {
      frame: (connection, frame) => this.#frame(connection, frame),
      stanzaError: (connection, error) => this.#downstream.stanzaError(connection, error),
      expired: (connection, slots) => this.#downstream.expired(connection, slots),
      lost: (connection, reason) => {
        this.#upstream.connectionEnded();
        this.#receipts.connectionEnded();
        this.#downstream.lost(connection, reason);
      },
      room: () => this.#downstream.pump(),
      online: () => this.#tellReady(),
      refused: (error) => this.#refuse(error),
    });
    this.#downstream = new Downstream(resolved, this.#pool);
    this.#pool.start();
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
    for (const { id, state, window } of this.#pool.connections) {
      // about to be taken out
      if (state.phase === "closed") continue;
      const { phase } = state;
      infos.push({ id, phase, pending: window.size, ...("jid" in state ? { jid: state.jid } : {}) });
    }
    return infos;
  }

  get trouble(): string | undefined {
    return this.#pool.trouble?.message ?? this.#upstream.trouble ?? this.#receipts.trouble;
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
    const ended =
      this.#refused !== undefined ? "authentication-failed" : this.#closing !== undefined ? "closed" : undefined;
    if (ended !== undefined) {
      const detail = this.#refused?.message ?? "the transport is closed";
      const outcomes = recipientsOf(message.target).map((recipient) => failureOutcome(ended, { recipient, detail }));
      return Promise.resolve({ outcomes });
    }
    if (!message.deliveryReceiptRequested) return this.#downstream.send(message, options);
    const messageIds = this.#messageIdsFor(message, options.messageIds);
    this.#receipts.expect(message, messageIds);
    return this.#downstream.send(message, { ...options, messageIds });
  }

  receiptFor(messageId: string, options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {}) {
    return this.#receipts.waitFor(messageId, options);
  }

  ready(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    if (this.#refused !== undefined) return Promise.reject(this.#refused);
    if (this.#closing !== undefined) return Promise.reject(new ClosedError("The CCS transport"));
    if (this.connections.some(({ phase }) => phase === "open")) return Promise.resolve();
    // who waited in vain wants to know why there was none
    const aborted = (): AbortedError => {
      const why = this.trouble === undefined ? "" : ` (the latest attempt: ${this.trouble})`;
      return new AbortedError(`Waiting for a connection${why}`, signal?.reason);
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
    const { signal } = options;
    do {
      if (signal?.aborted) throw new AbortedError("Waiting to be idle", signal.reason);
      // a handler may send, and a send may bring a receipt: idle is when all three are so at the same time
      await Promise.all([this.#downstream.idle(signal), this.#upstream.idle(signal), this.#receipts.idle(signal)]);
    } while (this.#downstream.unsettled + this.#upstream.running + this.#receipts.running > 0);
  }

  onUpstream(handler: UpstreamHandler): () => void {
    assertHandler("onUpstream", handler);
    if (this.#upstream.handler !== undefined) throw alreadyHandled("onUpstream");
    // a function of its own: the same handler may be taken off and set again
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
    this.#resolveClosed(this.#refused);
  }

  #isPending(id: string): boolean {
    if (this.#downstream.has(id)) return true;
    for (const { window } of this.#pool.connections) if (window.has(id)) return true;
    return false;
  }

  /** The ID of each recipient's message, made here where nobody has made it. */
  #messageIdsFor(message: DownstreamMessage, messageIds: readonly string[] | undefined): string[] {
    const recipients = recipientsOf(message.target);
    const ownId = recipients.length === 1 ? message.messageId : undefined;
    return recipients.map((_, position) => messageIds?.[position] ?? ownId ?? this.#downstream.createMessageId());
  }

  #frame(connection: Connection<Outgoing>, frame: CcsFrame): void {
    switch (frame.type) {
      case "ack":
        this.#downstream.acked(connection, frame);
        break;
      case "nack":
        this.#downstream.nacked(connection, frame);
        break;
      case "upstream":
        connection.markAnswered();
        this.#upstream.deliver(frame.message, this.#sourceOf(connection));
        break;
      case "receipt":
        connection.markAnswered();
        this.#receipts.deliver(frame.receipt, this.#sourceOf(connection));
        break;
      case "control":
        if (frame.control.controlType === "CONNECTION_DRAINING") connection.drain("control");
        else this.#notice("unknown-control", frame.control.controlType, 100);
        break;
      case "unknown":
        this.#notice("unknown-message-type", frame.messageType, 100);
        break;
      case "malformed":
        this.#notice("malformed-message", frame.problem, 300);
        break;
    }
  }

  /** Tells what the server said, or so much of it. */
  #notice(notice: string, said: string, maxChars: number): void {
    publish("cloud-messaging:notice", () => {
      const detail = this.#options.withoutSecrets(said).slice(0, maxChars);
      return { transport: "ccs", notice, detail };
    });
  }

  #sourceOf(connection: Connection<Outgoing>): DeliverySource {
    let source = this.#sources.get(connection);
    if (source === undefined) {
      source = {
        id: connection.id,
        get ended() {
          return connection.state.phase === "closed" || connection.state.phase === "closing";
        },
        acknowledge: (to, messageId) => connection.acknowledge(to, messageId),
      };
      this.#sources.set(connection, source);
    }
    return source;
  }

  #tellReady(): void {
    for (const done of [...this.#readyWaiters]) done();
  }

  #refuse(error: AuthenticationError): void {
    this.#refused = error;
    // what is written is still owed an answer: close() waits for it
    this.#downstream.refuse(error.message);
    for (const done of [...this.#readyWaiters]) done(error);
    // nothing of this can work again: the rest of the connections goes too, and `closed` tells why
    void this.close();
  }
}

/** Why a message with an ID of the caller's is refused. */
export function messageIdInUse(): InvalidMessageError {
  return new InvalidMessageError([
    { path: "messageId", problem: "belongs to a message that is still pending: use another one" },
  ]);
}

/** What is none would fail with every message, until all of them are given up. */
function assertHandler(path: string, handler: unknown): void {
  if (typeof handler !== "function") throw new InvalidOptionsError([{ path, problem: "must be a function" }]);
}

function alreadyHandled(path: string): InvalidOptionsError {
  return new InvalidOptionsError([
    { path, problem: "messages are handled already: take the other handler off, or end the loop, first" },
  ]);
}

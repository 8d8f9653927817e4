import {
  type DeliveryReceipt,
  type DownstreamMessageInput,
  InvalidOptionsError,
  type Sender,
  type SenderOptions,
  type SendOptions,
  type SendReport,
} from "@cloud-messaging/core";
import { createSender } from "@cloud-messaging/core/transport";
import type { CcsPeer } from "./connection/peer.ts";
import type { CcsTransportOptions } from "./options.ts";
import { createCcsTransport, messageIdInUse } from "./transport.ts";
import { Waiters } from "./waiters.ts";

/** Everything `createCcsClient` can be told. Only `senderId` and `apiKey` are needed. */
export interface CcsClientOptions extends CcsTransportOptions, Omit<SenderOptions, "clock" | "random"> {}

/** What a caller can say about one send over CCS. */
export interface CcsSendOptions extends SendOptions {
  /** Ask for delivery receipts, and wait for them in the report's `receipts`. */
  readonly receipt?: boolean;
}

/** The report of a send that asked for receipts. */
export interface ReceiptedSendReport extends SendReport {
  /**
   * One per outcome, by position. Each fulfils with the receipt once the device has confirmed; with `undefined` where the message was
   * not accepted, when no receipt came within `receiptTimeoutMs` (which proves nothing) and when the signal aborts or the client
   * closes. Never rejects.
   */
  readonly receipts: readonly Promise<DeliveryReceipt | undefined>[];
}

/** Sends over CCS, and receives what apps send. */
export interface CcsClient extends Sender, CcsPeer {
  /**
   * Sends as every sender does; see `Sender.send`. With `receipt: true` the report has the receipts as promises: the report itself
   * does not wait for them.
   */
  send(
    message: DownstreamMessageInput,
    options: CcsSendOptions & { readonly receipt: true },
  ): Promise<ReceiptedSendReport>;
  send(message: DownstreamMessageInput, options?: CcsSendOptions): Promise<SendReport>;
}

/**
 * A client for CCS: sends with acknowledgement, flow control, retries and resends; hands over upstream messages and receipts; follows
 * connection draining and lost connections. Returns at once and connects in the background: see `ready()` and `closed`.
 *
 * @throws {InvalidOptionsError} an option is wrong.
 */
export function createCcsClient(options: CcsClientOptions): CcsClient {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionsError([{ path: "", problem: "must be an object with senderId and apiKey" }]);
  }
  const { registrations, retry, maxWaiting, ambiguous, timeoutMs, ...transportOptions } = options;
  const transport = createCcsTransport(transportOptions);
  let sender: Sender;
  try {
    sender = createSender({
      transport,
      ...(registrations === undefined ? {} : { registrations }),
      ...(retry === undefined ? {} : { retry }),
      ...(maxWaiting === undefined ? {} : { maxWaiting }),
      ...(ambiguous === undefined ? {} : { ambiguous }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      ...(options.random === undefined ? {} : { random: options.random }),
    });
  } catch (error) {
    // never rejects; the caller gets the reason that matters
    void transport.close();
    throw error;
  }

  /** Sends under way, and who waits for them to end: a message may be between two attempts, where the transport knows nothing of it. */
  let underWay = 0;
  const idleWaiters = new Waiters();
  const ended = (): void => {
    if (--underWay === 0) idleWaiters.wake();
  };
  async function counted<T>(work: () => Promise<T>): Promise<T> {
    underWay++;
    try {
      return await work();
    } finally {
      ended();
    }
  }

  function countedLoop<T>(outcomes: AsyncIterable<T>): AsyncIterable<T> {
    return {
      async *[Symbol.asyncIterator]() {
        underWay++;
        try {
          yield* outcomes;
        } finally {
          ended();
        }
      },
    };
  }

  /** Message IDs of the caller's, from the call to its settlement: between two attempts the transport does not know them. */
  const ownIds = new Set<string>();
  async function withOwnId<T>(messageId: string, work: () => Promise<T>): Promise<T> {
    if (ownIds.has(messageId)) throw messageIdInUse();
    ownIds.add(messageId);
    try {
      return await work();
    } finally {
      ownIds.delete(messageId);
    }
  }

  function send(message: DownstreamMessageInput, sendOptions?: CcsSendOptions): Promise<SendReport>;
  function send(
    message: DownstreamMessageInput,
    sendOptions: CcsSendOptions & { readonly receipt: true },
  ): Promise<ReceiptedSendReport>;
  function send(message: DownstreamMessageInput, sendOptions?: CcsSendOptions): Promise<SendReport> {
    const messageId = message?.messageId;
    // the sender says what is wrong with anything else
    if (typeof messageId !== "string") return sendOnce(message, sendOptions);
    return withOwnId(messageId, () => sendOnce(message, sendOptions));
  }

  function sendOnce(message: DownstreamMessageInput, sendOptions: CcsSendOptions | undefined): Promise<SendReport> {
    const rest = withoutReceipt(sendOptions);
    if (!sendOptions?.receipt) {
      const sending = sender.send(message, rest);
      underWay++;
      sending.then(ended, ended);
      return sending;
    }
    return counted(async () => {
      const report = await sender.send({ ...message, deliveryReceiptRequested: true }, rest);
      const receiptOptions = rest?.signal === undefined ? {} : { signal: rest.signal };
      const receipts = report.outcomes.map((outcome) =>
        outcome.kind === "accepted" && outcome.messageId !== undefined
          ? transport.receiptFor(outcome.messageId, receiptOptions)
          : Promise.resolve(undefined),
      );
      return { ...report, receipts };
    });
  }

  const client: CcsClient = {
    send,
    sendToUser(...given) {
      const messageId = given[1]?.messageId;
      const work = (): Promise<SendReport> => counted(() => sender.sendToUser(...given));
      return typeof messageId === "string" ? withOwnId(messageId, work) : work();
    },
    sendAll: (message, recipients, allOptions) => countedLoop(sender.sendAll(message, recipients, allOptions)),
    sendEach: (...given) => countedLoop(sender.sendEach(...given)),
    capacity: (capacityOptions) => sender.capacity(capacityOptions),
    get pending() {
      return sender.pending;
    },
    ready: (readyOptions) => transport.ready(readyOptions),
    closed: transport.closed,
    async idle(idleOptions = {}) {
      await transport.idle(idleOptions);
      while (underWay > 0) {
        await idleWaiters.wait(idleOptions.signal);
        // also what tells that the signal has aborted
        await transport.idle(idleOptions);
      }
    },
    get lastError() {
      return transport.lastError;
    },
    get connections() {
      return transport.connections;
    },
    onUpstream: (handler) => transport.onUpstream(handler),
    onReceipt: (handler) => transport.onReceipt(handler),
    upstream: () => transport.upstream(),
    close: () => sender.close(),
    [Symbol.asyncDispose]: () => sender.close(),
  };
  return client;
}

/** What every sender knows: `receipt` is this client's own. What is no object stays as it is, for the sender to refuse. */
function withoutReceipt(options: CcsSendOptions | undefined): SendOptions | undefined {
  if (options?.receipt === undefined) return options;
  const { receipt: _, ...rest } = options;
  return rest;
}

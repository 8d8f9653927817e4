import {
  type DeliveryReceipt,
  type DownstreamMessageInput,
  InvalidOptionsError,
  type Sender,
  type SenderOptions,
  type SendOptions,
  type SendReport,
  type SingleMessageInput,
  type SingleSendReport,
} from "@cloud-messaging/core";
import { createSenderOver, defined, divideOptions } from "@cloud-messaging/core/transport";
import type { CcsPeer } from "./connection/peer.ts";
import type { CcsTransportOptions } from "./options.ts";
import { createCcsTransport, messageIdInUse } from "./transport.ts";
import { Waiters } from "./waiters.ts";

/** Options of `createCcsClient`. Only `senderId` and `apiKey` are required. */
export interface CcsClientOptions extends CcsTransportOptions, Omit<SenderOptions, "clock" | "random"> {}

/** Options of one send over CCS. */
export interface CcsSendOptions extends SendOptions {
  /** Requests delivery receipts; the report then has `receipts`. @defaultValue false */
  readonly receipt?: boolean;
}

/** Report of a send with `receipt: true`. */
export interface ReceiptedSendReport extends SendReport {
  /**
   * One promise per outcome, by position. Each fulfils with the delivery receipt, or with `undefined` if the message was not accepted, if no
   * receipt arrived within `receiptTimeoutMs` (the message may still have been delivered), if the signal aborted or the client closed.
   * Never rejects.
   */
  readonly receipts: readonly Promise<DeliveryReceipt | undefined>[];
}

/** The report of a send to one recipient that asked for a receipt. */
export interface SingleReceiptedSendReport extends ReceiptedSendReport, SingleSendReport {
  /** The one receipt; the same as `receipts[0]`. */
  readonly receipt: Promise<DeliveryReceipt | undefined>;
}

/** Sender over CCS that also receives upstream messages and delivery receipts. */
export interface CcsClient extends Sender, CcsPeer {
  /**
   * Sends a message; see `Sender.send`. With `receipt: true` the report has the delivery receipts as promises and does not wait for
   * them.
   */
  send(
    message: SingleMessageInput,
    options: CcsSendOptions & { readonly receipt: true },
  ): Promise<SingleReceiptedSendReport>;
  send(
    message: DownstreamMessageInput,
    options: CcsSendOptions & { readonly receipt: true },
  ): Promise<ReceiptedSendReport>;
  send(message: SingleMessageInput, options?: CcsSendOptions): Promise<SingleSendReport>;
  send(message: DownstreamMessageInput, options?: CcsSendOptions): Promise<SendReport>;
}

/**
 * Creates a client for CCS: sends with acknowledgements, flow control and retries, receives upstream messages and delivery receipts, and
 * reconnects when a connection drains or is lost. Connects in the background: see `ready()` and `closed`.
 *
 * @example
 * ```ts
 * import { createCcsClient } from "@cloud-messaging/ccs-client";
 *
 * await using client = createCcsClient({
 *   senderId: "123456789012",
 *   apiKey: "AIza…",
 *   async onUpstream(message) {
 *     console.log(message.from, message.data); // acknowledged when the promise fulfils
 *   },
 * });
 * await client.ready();
 * const { outcomes } = await client.send({ target: { token: "registration token" }, data: { n: "3" } });
 * ```
 *
 * @throws {InvalidOptionsError} An option is invalid.
 */
export function createCcsClient(options: CcsClientOptions): CcsClient {
  const { ofSender, ofTransport } = divideOptions(options);
  const transport = createCcsTransport(ofTransport);
  const sender = createSenderOver(transport, ofSender);

  /** Number of sends under way. Between two attempts of a message the transport does not know it. */
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

  /** Message IDs chosen by the caller that are in use, from the call until it settles. */
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

  function send(
    message: SingleMessageInput,
    sendOptions: CcsSendOptions & { readonly receipt: true },
  ): Promise<SingleReceiptedSendReport>;
  function send(
    message: DownstreamMessageInput,
    sendOptions: CcsSendOptions & { readonly receipt: true },
  ): Promise<ReceiptedSendReport>;
  function send(message: SingleMessageInput, sendOptions?: CcsSendOptions): Promise<SingleSendReport>;
  function send(message: DownstreamMessageInput, sendOptions?: CcsSendOptions): Promise<SendReport>;
  function send(message: DownstreamMessageInput, sendOptions?: CcsSendOptions): Promise<SendReport> {
    const messageId = message?.messageId;
    // anything else is for the sender to check
    if (typeof messageId !== "string") return sendOnce(message, sendOptions);
    return withOwnId(messageId, () => sendOnce(message, sendOptions));
  }

  function sendOnce(message: DownstreamMessageInput, sendOptions: CcsSendOptions | undefined): Promise<SendReport> {
    if (!["boolean", "undefined"].includes(typeof sendOptions?.receipt)) {
      return Promise.reject(new InvalidOptionsError([{ path: "receipt", problem: "must be true or false" }]));
    }
    const rest = withoutReceipt(sendOptions);
    if (!sendOptions?.receipt) {
      const sending = sender.send(message, rest);
      underWay++;
      sending.then(ended, ended);
      return sending;
    }
    return counted(async () => {
      const report = await sender.send({ ...message, deliveryReceiptRequested: true }, rest);
      const receiptOptions = defined({ signal: rest?.signal });
      const receipts = report.outcomes.map((outcome) =>
        outcome.kind === "accepted" && outcome.messageId !== undefined
          ? transport.receiptFor(outcome.messageId, receiptOptions)
          : Promise.resolve(undefined),
      );
      return "outcome" in report ? { ...report, receipts, receipt: receipts[0] } : { ...report, receipts };
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
    health: () => sender.health(),
    ready: (readyOptions) => transport.ready(readyOptions),
    closed: transport.closed,
    async idle(idleOptions = {}) {
      await transport.idle(idleOptions);
      while (underWay > 0) {
        await idleWaiters.wait(idleOptions.signal);
        // rejects if the signal has aborted
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

/** Removes `receipt`, which only this client knows. A value that is not an object is left for the sender to check. */
function withoutReceipt(options: CcsSendOptions | undefined): SendOptions | undefined {
  if (options?.receipt === undefined) return options;
  const { receipt: _, ...rest } = options;
  return rest;
}

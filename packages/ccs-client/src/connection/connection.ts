import { ConnectionError, type DeliveryReceipt, type UpstreamMessage } from "@cloud-messaging/core";
import {
  type CancelTimer,
  defined,
  elapsedMs,
  type MonotonicInstant,
  plusMs,
  publish,
} from "@cloud-messaging/core/transport";
import { type AckFrame, type NackFrame, parseCcsFrame } from "@cloud-messaging/core/wire";
import { type PendingSlot, PendingWindow } from "../downstream/pending-window.ts";
import type { ResolvedCcsOptions } from "../options.ts";
import { ackStanza, iqAnswer, readStanzaError, type StanzaError } from "../xmpp/stanza.ts";
import type { MessageStanza, XmlElement } from "../xmpp/stanza-reader.ts";
import { type XmppStep, XmppStream } from "../xmpp/xmpp.ts";
import { type ConnectionEvent, type ConnectionState, type DrainReason, transition } from "./connection-state.ts";
import { KeepAlive } from "./keep-alive.ts";

/** Receiver of answers to downstream messages. */
export interface AnswerReceiver<T> {
  acked(connection: Connection<T>, ack: AckFrame): void;
  nacked(connection: Connection<T>, nack: NackFrame): void;
  stanzaError(connection: Connection<T>, error: StanzaError): void;
  /** Messages exceeded `ackTimeoutMs`. The connection is draining already. */
  expired(connection: Connection<T>, slots: readonly PendingSlot<T>[]): void;
  /** The connection has ended, with every message that was pending on it. */
  lost(connection: Connection<T>, reason: string): void;
  /** Writes messages as far as connections have capacity; called when there may be more of it. */
  pump(): void;
}

/** Receiver of upstream messages, or of delivery receipts. */
export interface DeliveryReceiver<T, Item> {
  deliver(item: Item, connection: Connection<T>): void;
  /** Some connection has ended: what arrived on it can no longer be acknowledged. */
  connectionEnded(): void;
}

/** Receivers of everything that a connection reads. */
export interface ConnectionReceivers<T> {
  readonly downstream: AnswerReceiver<T>;
  readonly upstream: DeliveryReceiver<T, UpstreamMessage>;
  readonly receipts: DeliveryReceiver<T, DeliveryReceipt>;
}

/** Called after each change of the connection's state. */
export type StateListener<T> = (connection: Connection<T>, previous: ConnectionState) => void;

/** Lifetime after which a login counts as working although nothing was answered yet. Unit: milliseconds. */
const PROVEN_AFTER_MS = 10_000;

/**
 * One XMPP connection to CCS, from the attempt to its end. `transition` defines the states; this class runs the effects of each state
 * entered, passes what it reads to its receivers, and owns every timer.
 */
export class Connection<T> {
  readonly id: number;
  readonly window: PendingWindow<T>;
  readonly #options: ResolvedCcsOptions;
  readonly #receivers: ConnectionReceivers<T>;
  readonly #stateChanged: StateListener<T>;
  readonly #keepAlive: KeepAlive;
  readonly #stream: XmppStream;
  #state: ConnectionState = { phase: "connecting" };
  /** Limit on the present phase: connecting, draining or closing. */
  #phaseTimer: CancelTimer | undefined;
  #ackTimer: CancelTimer | undefined;
  #onlineAt: MonotonicInstant | undefined;
  #answered = false;
  #paused = false;

  constructor(
    id: number,
    options: ResolvedCcsOptions,
    receivers: ConnectionReceivers<T>,
    stateChanged: StateListener<T>,
  ) {
    this.id = id;
    this.#options = options;
    this.#receivers = receivers;
    this.#stateChanged = stateChanged;
    this.window = new PendingWindow(options.maxPendingMessages);
    this.#keepAlive = new KeepAlive(options, {
      write: (text, now) => this.#write(text, now),
      timedOut: (reason) => this.destroy(reason),
    });
    this.#stream = new XmppStream(
      {
        host: options.host,
        port: options.port,
        tls: options.tls,
        proxy: options.proxy,
        domain: options.domain,
        login: options.login,
        password: options.apiKey,
        redact: options.redact,
        resource: options.resource,
        limits: { maxStanzaChars: options.maxStanzaChars, maxDepth: MAX_STANZA_DEPTH },
      },
      {
        progress: (step) => this.#progress(step),
        online: (jid, early) => this.#online(jid, early),
        message: (stanza) => this.#message(stanza),
        element: (element) => this.#element(element),
        received: () => this.#keepAlive.received(),
        drained: () => this.#drained(),
        ended: (cause) => this.#apply({ type: "ended", cause }),
      },
    );
    this.#publish();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Time from the latest ping to what the server sent next; `undefined` before the first. Unit: milliseconds. */
  get roundTripMs(): number | undefined {
    return this.#keepAlive.roundTripMs;
  }

  /** True once nothing can be acknowledged on this connection any more. */
  get ended(): boolean {
    return this.#state.phase === "closing" || this.#state.phase === "closed";
  }

  /** True if a message can be written now: open, with capacity in the window and no congestion of the socket. */
  get accepting(): boolean {
    return this.#state.phase === "open" && this.window.capacity > 0 && !this.#stream.congested;
  }

  /** True if the service answered something or the connection lasted a while: its end is not a failure to connect. */
  get proven(): boolean {
    if (this.#onlineAt === undefined) return false;
    return this.#answered || elapsedMs(this.#options.clock, this.#onlineAt) >= PROVEN_AFTER_MS;
  }

  /**
   * Writes a message and reserves a slot for it. Requires `accepting`.
   *
   * @param now Reading of the monotonic clock.
   * @returns Time of the write. Unit: milliseconds since the epoch.
   */
  send(id: string, stanza: string, value: T, now: MonotonicInstant): number {
    const { clock, ackTimeoutMs } = this.#options;
    const writtenAt = clock.now();
    this.window.reserve(id, value, writtenAt, now, this.#stream.batch);
    this.#write(stanza, now);
    this.#ackTimer ??= clock.schedule(ackTimeoutMs, () => this.#checkAcks());
    return writtenAt;
  }

  /** True if the batch was given to the socket. If not, nothing of it has left this process. */
  flushed(batch: number): boolean {
    return this.#stream.flushed(batch);
  }

  /** Acknowledges a delivery of this connection. Returns `false` if the connection has ended: CCS redelivers on another one. */
  acknowledge(to: string, messageId: string): boolean {
    if (!this.#isUp()) return false;
    this.#answer(ackStanza(to, messageId));
    return true;
  }

  /** Records that the service works behind this login: it answered or delivered a message. */
  markAnswered(): void {
    this.#answered = true;
  }

  /** Stops accepting messages; those pending can still be answered. */
  drain(reason: DrainReason): void {
    this.#apply({ type: "drain", reason });
  }

  /** Closes the stream and waits for the server to close its side, up to `streamCloseTimeoutMs`. The phase `closed` follows. */
  close(): void {
    this.#apply({ type: "close" });
  }

  /** Closes the socket at once. */
  destroy(reason: string): void {
    this.#stream.destroy(new ConnectionError(reason));
  }

  #apply(event: ConnectionEvent): void {
    const previous = this.#state;
    const next = transition(previous, event);
    if (next === previous) return;
    this.#state = next;
    this.#phaseTimer?.();
    this.#phaseTimer = undefined;
    switch (next.phase) {
      case "open":
        this.#startWatching();
        break;
      case "draining":
        if (previous.phase === "connecting") this.#startWatching();
        // CCS is expected to close it before this limit
        this.#phaseTimer = this.#options.clock.schedule(this.#options.drainTimeoutMs, () => this.close());
        break;
      case "closing":
        this.#stream.close();
        this.#limit(this.#options.streamCloseTimeoutMs, "The server did not close the stream in time");
        break;
      case "closed":
        this.#keepAlive.stop();
        this.#ackTimer?.();
        // a cancelled attempt still has its socket
        if (event.type === "close") this.#stream.destroy(new ConnectionError("The attempt was called off"));
        break;
      case "connecting":
        break;
    }
    this.#publish();
    this.#stateChanged(this, previous);
  }

  #startWatching(): void {
    this.#onlineAt = this.#options.clock.monotonic();
    this.#keepAlive.watch();
  }

  #limit(timeoutMs: number, reason: string): void {
    this.#phaseTimer?.();
    this.#phaseTimer = this.#options.clock.schedule(timeoutMs, () => this.destroy(`${reason} (${timeoutMs} ms)`));
  }

  #progress(step: XmppStep): void {
    if (this.#state.phase !== "connecting") return;
    // one limit up to TLS, another from there to online; steps in between do not restart them
    if (step === "TCP connection") this.#limit(this.#options.connectTimeoutMs, "No TLS connection came about in time");
    else if (step === "stream negotiation")
      this.#limit(this.#options.loginTimeoutMs, "The login was not complete in time");
  }

  /** Handles the stanzas received before `online` first, so that nothing is written on a connection that is draining already. */
  #online(jid: string, early: readonly MessageStanza[]): void {
    const drains = early.some(({ type, gcm }) => type !== "error" && gcm !== undefined && announcesDraining(gcm));
    this.#apply({ type: "online", jid, ...(drains ? { drain: "control" as const } : {}) });
    for (const stanza of early) if (this.#isUp()) this.#message(stanza);
  }

  #isUp(): boolean {
    return this.#state.phase === "open" || this.#state.phase === "draining";
  }

  #message(stanza: MessageStanza): void {
    if (stanza.type === "error") {
      this.#receivers.downstream.stanzaError(this, readStanzaError(stanza, this.#options.redact));
    } else if (stanza.gcm !== undefined) this.#frame(stanza.gcm);
  }

  #frame(json: string): void {
    const { downstream, upstream, receipts } = this.#receivers;
    const frame = parseCcsFrame(json);
    switch (frame.type) {
      case "ack":
        downstream.acked(this, frame);
        break;
      case "nack":
        downstream.nacked(this, frame);
        break;
      case "upstream":
        this.markAnswered();
        upstream.deliver(frame.message, this);
        break;
      case "receipt":
        this.markAnswered();
        receipts.deliver(frame.receipt, this);
        break;
      case "control":
        if (frame.control.controlType === "CONNECTION_DRAINING") this.drain("control");
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

  /** Publishes text from the server, redacted and bounded. */
  #notice(notice: string, text: string, maxChars: number): void {
    publish("cloud-messaging:notice", () => {
      const detail = this.#options.redact(text).slice(0, maxChars);
      return { transport: "ccs", notice, detail };
    });
  }

  #element(element: XmlElement): void {
    const answer = iqAnswer(element);
    if (answer !== undefined && this.#state.phase !== "closing") this.#answer(answer);
  }

  /** Writes an answer to something that the server sent. */
  #answer(stanza: string): void {
    this.#write(stanza, this.#options.clock.monotonic());
    // backpressure: a peer that sends without reading would make answers accumulate
    if (!this.#stream.congested || this.#paused) return;
    this.#paused = true;
    this.#stream.pause();
  }

  #write(stanza: string, now: MonotonicInstant): void {
    this.#keepAlive.written(now);
    this.#stream.write(stanza);
  }

  #drained(): void {
    if (this.#paused) {
      this.#paused = false;
      this.#stream.resume();
    }
    this.#receivers.downstream.pump();
  }

  #checkAcks(): void {
    const { clock, ackTimeoutMs } = this.#options;
    this.#ackTimer = undefined;
    const late = this.window.expire(plusMs(clock.monotonic(), -ackTimeoutMs));
    if (late.length > 0) {
      this.drain("ack-timeout");
      this.#receivers.downstream.expired(this, late);
    }
    if (this.#state.phase === "closed") return;
    const { oldest } = this.window;
    if (oldest === undefined) return;
    this.#ackTimer = clock.schedule(Math.max(1, ackTimeoutMs - elapsedMs(clock, oldest)), () => this.#checkAcks());
  }

  #publish(): void {
    const state = this.#state;
    publish("cloud-messaging:ccs-connection", () => ({
      connectionId: this.id,
      phase: state.phase,
      pending: this.window.size,
      ...(state.phase === "draining" ? { reason: state.reason } : {}),
      ...defined({ reason: state.phase === "closed" ? state.cause?.message : undefined }),
    }));
  }
}

/** True if the JSON is the control message CONNECTION_DRAINING. */
function announcesDraining(json: string): boolean {
  const frame = parseCcsFrame(json);
  return frame.type === "control" && frame.control.controlType === "CONNECTION_DRAINING";
}

/** Maximum depth of elements in a stanza, the stream element included. CCS uses four. */
const MAX_STANZA_DEPTH = 16;

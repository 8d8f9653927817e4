import { type CancelTimer, ConnectionError, type MonotonicInstant } from "@cloud-messaging/core";
import { earlier, elapsedMs, msBetween, plusMs, publish } from "@cloud-messaging/core/transport";
import { type CcsFrame, parseCcsFrame } from "@cloud-messaging/core/wire";
import { type PendingSlot, PendingWindow } from "../downstream/pending-window.ts";
import type { ResolvedCcsOptions } from "../options.ts";
import { ackStanza, iqAnswer, pingStanza, readStanzaError, type StanzaError } from "../xmpp/stanza.ts";
import type { MessageStanza, XmlElement } from "../xmpp/stanza-reader.ts";
import { type XmppStep, XmppStream } from "../xmpp/xmpp.ts";
import { type ConnectionEvent, type ConnectionState, type DrainReason, transition } from "./connection-state.ts";

/** Where a connection reports to. */
export interface ConnectionOwner<T> {
  stateChanged(connection: Connection<T>, previous: ConnectionState): void;
  frame(connection: Connection<T>, frame: CcsFrame): void;
  stanzaError(connection: Connection<T>, error: StanzaError): void;
  /** Messages were not answered in time. The connection is draining by now. */
  expired(connection: Connection<T>, slots: readonly PendingSlot<T>[]): void;
  /** Writing is possible again after the socket was full. */
  writable(connection: Connection<T>): void;
}

/** A short life, and no proof yet that the service works behind this login. Unit: milliseconds. */
const PROVEN_AFTER_MS = 10_000;

/**
 * One XMPP connection to CCS, from the attempt to its end. The state is what `transition` says; this runs the effects of each state
 * entered, and owns every timer.
 */
export class Connection<T> {
  readonly id: number;
  readonly window: PendingWindow<T>;
  readonly #options: ResolvedCcsOptions;
  readonly #owner: ConnectionOwner<T>;
  readonly #stream: XmppStream;
  #state: ConnectionState = { phase: "connecting" };
  /** The timer of the phase: attempt, draining or closing take only so long. */
  #phaseTimer: CancelTimer | undefined;
  #aliveTimer: CancelTimer | undefined;
  #ackTimer: CancelTimer | undefined;
  #receivedAt: MonotonicInstant;
  #writtenAt: MonotonicInstant;
  #pingSentAt: MonotonicInstant | undefined;
  #pings = 0;
  #onlineAt: MonotonicInstant | undefined;
  #answered = false;
  #paused = false;

  constructor(id: number, options: ResolvedCcsOptions, owner: ConnectionOwner<T>) {
    this.id = id;
    this.#options = options;
    this.#owner = owner;
    this.window = new PendingWindow(options.maxPendingMessages);
    this.#receivedAt = this.#writtenAt = options.clock.monotonic();
    this.#stream = new XmppStream(
      {
        host: options.host,
        port: options.port,
        tls: options.tls,
        proxy: options.proxy,
        domain: options.domain,
        login: options.login,
        password: options.apiKey,
        withoutSecrets: options.withoutSecrets,
        resource: options.resource,
        limits: { maxStanzaChars: options.maxStanzaChars, maxDepth: MAX_STANZA_DEPTH },
      },
      {
        progress: (step) => this.#progress(step),
        online: (jid, early) => this.#online(jid, early),
        message: (stanza) => this.#message(stanza),
        element: (element) => this.#element(element),
        received: () => {
          this.#receivedAt = options.clock.monotonic();
          // anything received since the ping proves that the peer lives
          this.#pingSentAt = undefined;
        },
        drained: () => this.#drained(),
        ended: (cause) => this.#apply({ type: "ended", cause }),
      },
    );
    this.#publish();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Takes new messages, as far as the window and the socket have room. */
  get accepting(): boolean {
    return this.#state.phase === "open" && this.window.room > 0 && !this.#stream.congested;
  }

  /** It answered something, or lasted a while: what follows its end is not a failure to connect. */
  get proven(): boolean {
    if (this.#onlineAt === undefined) return false;
    return this.#answered || elapsedMs(this.#options.clock, this.#onlineAt) >= PROVEN_AFTER_MS;
  }

  /** Writes a message and takes a slot for it. The caller has looked at `accepting`. Returns when it was written. */
  send(id: string, stanza: string, value: T): number {
    const { clock, ackTimeoutMs } = this.#options;
    const writtenAt = clock.now();
    const now = clock.monotonic();
    this.window.reserve(id, value, writtenAt, now, this.#stream.batch);
    this.#write(stanza, now);
    this.#ackTimer ??= clock.schedule(ackTimeoutMs, () => this.#checkAcks());
    return writtenAt;
  }

  /** Whether what went out with that batch was given to the socket; else nothing of it has left. */
  flushed(batch: number): boolean {
    return this.#stream.flushed(batch);
  }

  /** Acknowledges what came on this connection. `false` when it has ended: CCS will deliver it again elsewhere. */
  acknowledge(to: string, messageId: string): boolean {
    if (!this.#isUp()) return false;
    this.#answer(ackStanza(to, messageId));
    return true;
  }

  /** The service behind it works: it accepted something, or handed over a message. */
  markAnswered(): void {
    this.#answered = true;
  }

  drain(reason: DrainReason): void {
    this.#apply({ type: "drain", reason });
  }

  /** Closes the stream properly and waits for the server, within limits. `closed` follows. */
  close(): void {
    this.#apply({ type: "close" });
  }

  /** Ends it at once. */
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
        // CCS should have closed it by then: we do
        this.#phaseTimer = this.#options.clock.schedule(this.#options.drainTimeoutMs, () => this.close());
        break;
      case "closing":
        this.#stream.close();
        this.#limit(this.#options.streamCloseTimeoutMs, "The server did not close the stream in time");
        break;
      case "closed":
        this.#aliveTimer?.();
        this.#ackTimer?.();
        // an attempt that was called off still has its socket
        if (event.type === "close") this.#stream.destroy(new ConnectionError("The attempt was called off"));
        break;
      case "connecting":
        break;
    }
    this.#publish();
    this.#owner.stateChanged(this, previous);
  }

  #startWatching(): void {
    this.#onlineAt = this.#options.clock.monotonic();
    this.#watch();
  }

  #limit(timeoutMs: number, reason: string): void {
    this.#phaseTimer?.();
    this.#phaseTimer = this.#options.clock.schedule(timeoutMs, () => this.destroy(`${reason} (${timeoutMs} ms)`));
  }

  #progress(step: XmppStep): void {
    if (this.#state.phase !== "connecting") return;
    // one limit for the way to TLS, one for the way from there to online; a step in between does not start the limit again
    if (step === "TCP connection") this.#limit(this.#options.connectTimeoutMs, "No TLS connection came about in time");
    else if (step === "stream negotiation")
      this.#limit(this.#options.loginTimeoutMs, "The login was not complete in time");
  }

  /** Reads what came before the login was complete ahead of telling that it is: nothing is written on a connection that drains. */
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
      this.#owner.stanzaError(this, readStanzaError(stanza, this.#options.withoutSecrets));
      return;
    }
    // an upstream message that arrives while we close is not ours any more: CCS delivers it again
    if (stanza.gcm === undefined) return;
    this.#owner.frame(this, parseCcsFrame(stanza.gcm));
  }

  #element(element: XmlElement): void {
    const answer = iqAnswer(element);
    if (answer !== undefined && this.#state.phase !== "closing") this.#answer(answer);
  }

  /** Writes what the server has asked for by sending something. */
  #answer(stanza: string): void {
    this.#write(stanza, this.#options.clock.monotonic());
    // a peer that sends and does not read would have our answers pile up
    if (!this.#stream.congested || this.#paused) return;
    this.#paused = true;
    this.#stream.pause();
  }

  #write(stanza: string, now: MonotonicInstant): void {
    this.#writtenAt = now;
    this.#stream.write(stanza);
  }

  #drained(): void {
    if (this.#paused) {
      this.#paused = false;
      this.#stream.resume();
    }
    this.#owner.writable(this);
  }

  /** One timer for both directions: says something when we were silent, asks when the server was, gives up when it does not answer. */
  #watch(): void {
    const { clock, keepAliveIntervalMs, pingIdleMs, pingTimeoutMs } = this.#options;
    const now = clock.monotonic();
    if (this.#pingSentAt !== undefined && now >= plusMs(this.#pingSentAt, pingTimeoutMs)) {
      this.destroy(`The server did not answer a ping within ${pingTimeoutMs} ms`);
      return;
    }
    if (this.#pingSentAt === undefined && now >= plusMs(this.#receivedAt, pingIdleMs)) {
      this.#pingSentAt = now;
      this.#write(pingStanza(`ping-${++this.#pings}`), now);
    } else if (now >= plusMs(this.#writtenAt, keepAliveIntervalMs)) this.#write(" ", now);
    const pingDue =
      this.#pingSentAt === undefined ? plusMs(this.#receivedAt, pingIdleMs) : plusMs(this.#pingSentAt, pingTimeoutMs);
    const next = earlier(plusMs(this.#writtenAt, keepAliveIntervalMs), pingDue);
    this.#aliveTimer = clock.schedule(Math.max(1, msBetween(now, next)), () => this.#watch());
  }

  #checkAcks(): void {
    const { clock, ackTimeoutMs } = this.#options;
    this.#ackTimer = undefined;
    const late = this.window.expire(plusMs(clock.monotonic(), -ackTimeoutMs));
    if (late.length > 0) {
      this.drain("ack-timeout");
      this.#owner.expired(this, late);
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
      ...(state.phase === "closed" && state.cause !== undefined ? { reason: state.cause.message } : {}),
    }));
  }
}

function announcesDraining(json: string): boolean {
  const frame = parseCcsFrame(json);
  return frame.type === "control" && frame.control.controlType === "CONNECTION_DRAINING";
}

/** Elements inside each other in a stanza, the stream included. Real ones have four. */
const MAX_STANZA_DEPTH = 16;

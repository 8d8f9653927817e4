import type { TLSSocket } from "node:tls";
import { type CancelTimer, CcsClientAckSchema, GCM_NAMESPACE } from "@cloud-messaging/core";
import type { CapturedMessage, Decision, IncomingMessage, Refusal } from "../model/message.ts";
import type { UpstreamItem, UpstreamPort } from "../model/upstream.ts";
import { childOf, createXmlStream, textOf, type XmlElement, type XmlStream } from "../xml-stream.ts";
import type { CcsContext } from "./ccs-context.ts";
import { answerJson, readDownstream } from "./ccs-downstream.ts";
import { readPlainLogin } from "./ccs-login.ts";
import {
  answerStanza,
  iqResult,
  iqUnavailable,
  LOGIN_FEATURES,
  NS,
  SASL_SUCCESS,
  SESSION_FEATURES,
  saslFailure,
  stanzaError,
  streamError,
  streamHeader,
  upstreamStanza,
} from "./ccs-stanzas.ts";
import { parseBoundedJson } from "./json-guard.ts";

/** Longest stanza read: a message's payload has 4 KiB, and escaping and options need room. Ours. Unit: bytes. */
const MAX_STANZA_BYTES = 262_144;
/** Beyond this much unread output the client is read no more until it reads. Ours. Unit: bytes. */
const MAX_UNREAD_BYTES = 1_048_576;

/** Where a connection stands. */
export type CcsPhase = "login" | "binding" | "online" | "draining" | "closed";

interface Pending {
  /** Present while nobody has decided: no automatic acks. */
  readonly held?: { readonly captured: CapturedMessage; readonly message: IncomingMessage };
}

/** One XMPP connection of an app server, from the first byte to the last. */
export class CcsConnection implements UpstreamPort {
  readonly id: number;
  readonly #context: CcsContext;
  readonly #socket: TLSSocket;
  readonly #pending = new Map<string, Pending>();
  readonly #timers = new Set<CancelTimer>();
  #phase: CcsPhase = "login";
  #senderId = "";
  #jid = "";
  #stream: XmlStream;
  #opened = false;
  #loggedIn = false;
  #ending = false;
  #out = "";
  #answers = "";
  #answered: string[] = [];
  #answersDue = false;
  #nackAll = false;
  #pipeline = 0;
  #quiet: CancelTimer | undefined;
  #cancelLogin: CancelTimer;
  #reason: string | undefined;

  constructor(id: number, socket: TLSSocket, context: CcsContext) {
    this.id = id;
    this.#socket = socket;
    this.#context = context;
    this.#stream = this.#newStream();
    this.#cancelLogin = this.#later(context.loginTimeoutMs, () =>
      this.#fail("connection-timeout", "login took too long"),
    );
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => {}); // "close" follows
    socket.on("end", () => socket.end());
    socket.on("drain", () => socket.resume());
    socket.on("close", () => this.#closed());
    context.events.emit({ type: "connection", change: "opened", connectionId: id });
  }

  get phase(): CcsPhase {
    return this.#phase;
  }

  get senderId(): string {
    return this.#senderId;
  }

  get jid(): string {
    return this.#jid;
  }

  /** Message IDs without an answer, the oldest first. */
  get pending(): readonly string[] {
    return [...this.#pending.keys()];
  }

  get accepting(): boolean {
    return this.#phase === "online" && !this.#ending;
  }

  /** An upstream message or receipt leaves. */
  write(item: UpstreamItem): void {
    this.#send(upstreamStanza(item.json, this.#senderId, this.#context.service.profile.domain));
    this.#activity();
  }

  keepAlive(): void {
    if (this.#phase === "online" || this.#phase === "draining") this.#send(" ");
  }

  /** Accepts a held message: acks it, or nacks it with what the service found wrong. `false`: no such message is held here. */
  ack(messageId: string): boolean {
    const held = this.#pending.get(messageId)?.held;
    if (held === undefined) return false;
    this.#answer(messageId, held.message.to, this.#context.service.decide(held.captured, held.message));
    this.#flushAnswers();
    return true;
  }

  /** Refuses a held message. */
  nack(messageId: string, refusal: Refusal): boolean {
    const held = this.#pending.get(messageId)?.held;
    if (held === undefined) return false;
    this.#answer(messageId, held.message.to, this.#context.service.refuse(held.captured, refusal));
    this.#flushAnswers();
    return true;
  }

  /**
   * Announces that this connection goes away; it ends when nothing is pending for a while, at the latest after the time limit.
   *
   * @param nack Whether messages that come from now on are nacked with `CONNECTION_DRAINING`. Otherwise a window's worth of them still
   * counts as being in the pipeline and is processed.
   */
  drain(nack: boolean): void {
    if (this.#phase !== "online") return;
    const { counters, events, drainTimeoutMs, elementStyle } = this.#context;
    this.#flushAnswers();
    this.#phase = "draining";
    this.#nackAll = nack;
    this.#pipeline = this.#pending.size;
    counters.drains++;
    this.#send(answerStanza('{"message_type":"control","control_type":"CONNECTION_DRAINING"}', elementStyle));
    events.emit({ type: "connection", change: "draining", connectionId: this.id, senderId: this.#senderId });
    this.#later(drainTimeoutMs, () => this.end("drained: the time limit passed"));
    this.#activity();
  }

  /** Ends it in good order. */
  end(reason: string): void {
    if (this.#phase === "closed" || this.#ending) return;
    this.#reason ??= reason;
    this.#flushAnswers();
    this.#ending = true;
    this.#stream.stop();
    this.#send("</stream:stream>");
    this.#flush();
    this.#socket.end();
    this.#later(1000, () => this.#socket.destroy());
  }

  /** Ends it without a word. */
  cut(reason = "cut"): void {
    this.#reason ??= reason;
    this.#stream.stop();
    this.#out = "";
    this.#socket.destroy();
  }

  #later(delayMs: number, run: () => void): CancelTimer {
    const cancel = this.#context.clock.schedule(delayMs, () => {
      this.#timers.delete(stop);
      run();
    });
    const stop = (): void => {
      this.#timers.delete(stop);
      cancel();
    };
    this.#timers.add(stop);
    return stop;
  }

  #newStream(): XmlStream {
    return createXmlStream(
      {
        onOpen: (root) => this.#onOpen(root),
        onStanza: (stanza) => this.#onStanza(stanza),
        onClose: () => this.end("the client closed the stream"),
        onProblem: (problem, detail) => this.#fail(problem, detail),
      },
      MAX_STANZA_BYTES,
    );
  }

  #read(chunk: Buffer): void {
    // a stanza may start the stream anew, and what follows in the same chunk belongs to the old parser: clients wait for the answer
    this.#stream.write(chunk);
    if (this.#answersDue && this.#context.ackDelayMs === 0) this.#flushAnswers();
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) this.#socket.pause();
  }

  #send(text: string): void {
    if (this.#phase === "closed" || this.#socket.destroyed) return;
    // what is written in one go leaves in one packet
    if (this.#out === "") queueMicrotask(() => this.#flush());
    this.#out += text;
  }

  #flush(): void {
    const text = this.#out;
    this.#out = "";
    if (text !== "" && !this.#socket.destroyed) this.#socket.write(text);
  }

  #fail(condition: string, detail: string): void {
    this.#reason ??= `${condition}: ${detail}`;
    if (!this.#opened) this.#send(this.#header());
    this.#send(streamError(condition));
    this.end(condition);
  }

  #header(): string {
    return streamHeader("gcm.googleapis.com", this.#context.ids.hex(16).toUpperCase());
  }

  #onOpen(root: Pick<XmlElement, "name" | "namespace">): void {
    this.#opened = true;
    this.#send(this.#header());
    if (root.name !== "stream" || root.namespace !== NS.stream) {
      this.#fail("invalid-namespace", root.namespace);
      return;
    }
    this.#send(this.#loggedIn ? SESSION_FEATURES : LOGIN_FEATURES);
  }

  #onStanza(stanza: XmlElement): void {
    if (!this.#loggedIn) {
      this.#login(stanza);
      return;
    }
    if (stanza.name === "message") {
      if (this.#phase !== "online" && this.#phase !== "draining") {
        this.#fail("not-authorized", "no resource bound");
        return;
      }
      this.#onMessage(stanza);
      return;
    }
    if (stanza.name === "iq") {
      this.#onIq(stanza);
      return;
    }
    if (stanza.name === "presence") return;
    this.#fail("unsupported-stanza-type", stanza.name);
  }

  #login(stanza: XmlElement): void {
    const { faults, credentials, counters } = this.#context;
    if (stanza.name !== "auth" || stanza.namespace !== NS.sasl) {
      this.#fail("not-authorized", stanza.name);
      return;
    }
    const refuse = (condition: string): void => {
      counters.failedLogins++;
      this.#send(saslFailure(condition));
      this.end(`login refused: ${condition}`);
    };
    const fault = faults.takeLogin(["not-authorized", "temporary-auth-failure"]);
    if (fault !== undefined) {
      refuse(fault);
      return;
    }
    if (stanza.attributes["mechanism"] !== "PLAIN") {
      refuse("invalid-mechanism");
      return;
    }
    const login = readPlainLogin(textOf(stanza));
    if (login === undefined || !credentials.checkFor(login.password, login.senderId)) {
      refuse("not-authorized");
      return;
    }
    this.#senderId = login.senderId;
    this.#loggedIn = true;
    this.#phase = "binding";
    this.#send(SASL_SUCCESS);
    this.#stream.stop();
    this.#stream = this.#newStream();
  }

  #onIq(iq: XmlElement): void {
    const { domain } = this.#context.service.profile;
    const bind = childOf(iq, "bind", NS.bind);
    if (bind !== undefined && this.#phase === "binding") {
      const resource = childOf(bind, "resource", NS.bind);
      const asked = resource === undefined ? "" : textOf(resource).slice(0, 256);
      const suffix = this.#context.resourceSuffix || asked === "" ? this.#context.ids.hex(8).toUpperCase() : "";
      // a resource is text of the client's: markup has no place in what is written back
      const jid = `${this.#senderId}@${domain}/${asked}${suffix}`.replace(/[&<>"']/g, "");
      this.#jid = jid;
      this.#send(iqResult(iq, jid, domain, `<bind xmlns="${NS.bind}"><jid>${jid}</jid></bind>`));
      this.#phase = "online";
      this.#cancelLogin();
      this.#context.onOnline(this);
      return;
    }
    if (iq.attributes["type"] === "result" || iq.attributes["type"] === "error") return;
    const known = childOf(iq, "session", NS.session) ?? childOf(iq, "ping", NS.ping);
    this.#send(known === undefined ? iqUnavailable(iq, this.#jid, domain) : iqResult(iq, this.#jid, domain));
  }

  #onMessage(stanza: XmlElement): void {
    const gcm = childOf(stanza, "gcm", GCM_NAMESPACE);
    if (gcm === undefined) return; // not ours to answer
    const json = textOf(gcm);
    const { id } = stanza.attributes;
    let value: unknown;
    try {
      value = parseBoundedJson(json);
    } catch (error) {
      const problem = error instanceof Error ? error.message : "unreadable";
      this.#stanzaError(id, json, `InvalidJson: JSON_PARSING_ERROR : ${problem}`);
      return;
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#stanzaError(id, json, "InvalidJson: JSON_PARSING_ERROR : not a JSON object");
      return;
    }
    const { message_id: messageId, message_type: messageType } = value as Record<string, unknown>;
    if (messageType === "ack") {
      this.#onAck(id, json, value);
      return;
    }
    if (typeof messageId !== "string" || messageId === "") {
      this.#stanzaError(id, json, "InvalidJson: JSON_PARSING_ERROR : Missing Required Field: message_id");
      return;
    }
    this.#onDownstream(messageId, value as Record<string, unknown>, json);
  }

  #onAck(id: string | undefined, json: string, value: unknown): void {
    const parsed = CcsClientAckSchema.safeParse(value);
    if (!parsed.success) {
      const { message_id: messageId, to } = value as Record<string, unknown>;
      if (typeof messageId !== "string") {
        this.#stanzaError(id, json, "InvalidJson: JSON_PARSING_ERROR : Missing Required Field: message_id");
        return;
      }
      this.#violation(`malformed ack for ${messageId}`);
      this.#queueAnswer(messageId, typeof to === "string" ? to : "", { kind: "refused", code: "bad-ack" });
      return;
    }
    const { to, message_id: messageId } = parsed.data;
    this.#activity();
    if (this.#context.upstream.acked(this.#senderId, this, to, messageId)) return;
    this.#violation(`ack for ${messageId}, which was not sent over this connection`);
    this.#context.counters.stanzaErrors++;
    const text = "Received acks for messages not sent over this connection";
    this.#send(stanzaError(id, this.#jid, json, 406, "modify", "not-acceptable", text));
  }

  #onDownstream(messageId: string, value: Record<string, unknown>, json: string): void {
    const context = this.#context;
    const { service, faults } = context;
    const to = typeof value["to"] === "string" ? value["to"] : "";
    this.#activity();
    if (this.#pending.has(messageId)) this.#violation(`message_id ${messageId} is pending already`);
    if (context.seenBefore(this.#senderId, messageId)) context.counters.repeatedMessageIds++;
    const cut = faults.takeCut();
    const envelope = { door: "ccs", senderId: this.#senderId, wire: json, messageId } as const;
    const read = readDownstream(value, envelope, service, context.lenientNumbers);
    const message = read.message;
    const captured = service.receive(message);
    if (cut !== undefined && cut.beforeAck !== false) {
      if (cut.accept === false) service.leaveUnanswered(captured, "the connection was cut before it was taken");
      else if (read.refusal === undefined) service.decide(captured, message);
      this.#cutByFault("cut by a fault, before the ack");
      return;
    }
    let refusal = this.#refusalByState() ?? read.refusal;
    if (this.#pending.size >= context.maxPending && refusal === undefined) {
      this.#violation(`${this.#pending.size + 1} messages are pending, at most ${context.maxPending} may be`);
      refusal = {
        kind: "refused",
        code: "unavailable",
        detail: `More than ${context.maxPending} messages are pending`,
      };
    }
    if (refusal !== undefined) {
      service.refuse(captured, refusal);
      this.#queueAnswer(messageId, to, refusal);
    } else if (!context.autoAck) {
      this.#pending.set(messageId, { held: { captured, message } });
      service.hold(captured);
    } else {
      this.#pending.set(messageId, {});
      this.#queueAnswer(messageId, to === "" ? message.to : to, service.decide(captured, message));
    }
    if (cut !== undefined) this.#cutByFault("cut by a fault, after the ack");
  }

  #refusalByState(): Refusal | undefined {
    if (this.#phase !== "draining") return undefined;
    if (!this.#nackAll && ++this.#pipeline <= this.#context.maxPending) return undefined;
    if (!this.#nackAll) this.#violation("more messages than a window holds came after CONNECTION_DRAINING");
    return { kind: "refused", code: "connection-draining", detail: "The connection is draining" };
  }

  /** Ends it when what was answered so far has left. */
  #cutByFault(reason: string): void {
    this.#context.counters.cuts++;
    this.#reason ??= reason;
    this.#flushAnswers();
    this.#ending = true;
    this.#stream.stop();
    const text = this.#out;
    this.#out = "";
    this.#socket.write(text, () => this.#socket.destroy());
  }

  #queueAnswer(messageId: string, to: string, decision: Decision): void {
    this.#answer(messageId, to, decision);
    if (this.#answersDue) return;
    this.#answersDue = true;
    if (this.#context.ackDelayMs > 0) this.#later(this.#context.ackDelayMs, () => this.#flushAnswers());
  }

  #answer(messageId: string, to: string, decision: Decision): void {
    const { counters, service, elementStyle } = this.#context;
    if (decision.kind === "refused") counters.nacks++;
    else counters.acks++;
    const json = answerJson(messageId, to, decision, service.profile.ccsRateWord);
    this.#answers += answerStanza(json, elementStyle);
    this.#answered.push(messageId);
  }

  #flushAnswers(): void {
    this.#answersDue = false;
    if (this.#answers === "") return;
    this.#send(this.#answers);
    for (const messageId of this.#answered) this.#pending.delete(messageId);
    this.#answers = "";
    this.#answered = [];
    this.#activity();
  }

  #stanzaError(id: string | undefined, json: string, text: string): void {
    this.#context.counters.stanzaErrors++;
    this.#send(stanzaError(id, this.#jid, json, 400, "modify", "bad-request", text));
  }

  #violation(detail: string): void {
    this.#context.counters.violations++;
    this.#context.events.emit({ type: "violation", connectionId: this.id, detail });
  }

  /** While draining: when nothing has moved for a while and nothing is pending, it is done. */
  #activity(): void {
    if (this.#phase !== "draining") return;
    this.#quiet?.();
    this.#quiet = this.#later(this.#context.drainQuietMs, () => {
      const { upstream } = this.#context;
      if (this.#pending.size === 0 && upstream.unacked(this.#senderId, this) === 0) this.end("drained");
    });
  }

  #closed(): void {
    if (this.#phase === "closed") return;
    const wasOnline = this.#phase === "online" || this.#phase === "draining";
    this.#phase = "closed";
    for (const cancel of [...this.#timers]) cancel();
    for (const { held } of this.#pending.values()) {
      if (held !== undefined)
        this.#context.service.leaveUnanswered(held.captured, "the connection ended before the answer");
    }
    this.#pending.clear();
    if (wasOnline) this.#context.upstream.detach(this.#senderId, this);
    this.#context.onClosed(this);
    this.#context.events.emit({
      type: "connection",
      change: "closed",
      connectionId: this.id,
      reason: this.#reason ?? "the client went away",
      ...(this.#senderId === "" ? {} : { senderId: this.#senderId }),
    });
  }
}

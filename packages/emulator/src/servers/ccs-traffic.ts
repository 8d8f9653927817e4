import type { Decision, Refusal } from "@cloud-messaging/connection-server";
import { parseBoundedJson } from "@cloud-messaging/connection-server";
import type { CancelTimer } from "@cloud-messaging/core";
import { describeError } from "@cloud-messaging/core/transport";
import { CcsClientAckSchema, GCM_NAMESPACE } from "@cloud-messaging/core/wire";
import type { CapturedMessage, ModelMessage } from "../model/message.ts";
import type { UpstreamItem, UpstreamPort } from "../model/upstream.ts";
import { childOf, textOf, type XmlElement } from "../xml-stream.ts";
import type { CcsContext } from "./ccs-context.ts";
import { answerJson, readDownstream } from "./ccs-downstream.ts";
import { answerStanza, stanzaError, upstreamStanza } from "./ccs-stanzas.ts";

/** Beyond this much unread output nothing is written that can be written again later. Ours. Unit: bytes. */
const MAX_UNREAD_BYTES = 1_048_576;

/** What the traffic asks of its connection. */
export interface CcsLink {
  readonly id: number;
  readonly senderId: string;
  readonly jid: string;
  /** Bytes that the client has not taken yet. */
  readonly unreadBytes: number;
  /** Whether the stream is being closed. */
  readonly ending: boolean;
  send(text: string): void;
  /** Ends it in good order. */
  end(reason: string): void;
  /** Ends it without a word, once what was sent has left. */
  cutWhenSent(reason: string): void;
  later(delayMs: number, run: () => void): CancelTimer;
}

interface Pending {
  /** Present while nobody has decided: no automatic acks. */
  readonly held?: { readonly captured: CapturedMessage; readonly message: ModelMessage };
}

/** What the HTTP server answers with 503. */
const REACHED_NOBODY: Refusal = {
  kind: "refused",
  code: "unavailable",
  detail: "No member of the group could be sent to",
};

/** What flows over a connection that is online: downstream messages and their answers, upstream messages and their acks, draining. */
export class CcsTraffic implements UpstreamPort {
  readonly id: number;
  readonly #context: CcsContext;
  readonly #link: CcsLink;
  readonly #pending = new Map<string, Pending>();
  #answers = "";
  #answered: string[] = [];
  #answersDue = false;
  /** Answers that wait for their time, the oldest first. */
  readonly #delayed = new Set<() => void>();
  /** While the service decides on a message of this connection: its receipt has to come after its ack. */
  #deciding = false;
  #afterAnswers = "";
  #draining: { readonly nackAll: boolean; pipeline: number } | undefined;
  #quiet: CancelTimer | undefined;

  constructor(link: CcsLink, context: CcsContext) {
    this.id = link.id;
    this.#link = link;
    this.#context = context;
  }

  get draining(): boolean {
    return this.#draining !== undefined;
  }

  get accepting(): boolean {
    return !this.draining && !this.#link.ending;
  }

  /** Message IDs without an answer, the oldest first. */
  get pending(): readonly string[] {
    return [...this.#pending.keys()];
  }

  /** An upstream message or receipt leaves. */
  write(item: UpstreamItem): void {
    // unacked, it is written again: a client that does not read need not have it many times over
    if (this.#link.unreadBytes > MAX_UNREAD_BYTES) return;
    const stanza = upstreamStanza(item.json, this.#link.senderId, this.#context.service.profile.domain);
    if (this.#deciding) this.#afterAnswers += stanza;
    else this.#link.send(stanza);
    this.#activity();
  }

  /** Accepts a held message: acks it, or nacks it with what the service found wrong. `false`: no such message is held here. */
  ack(messageId: string): boolean {
    const held = this.#pending.get(messageId)?.held;
    if (held === undefined) return false;
    this.#answer(messageId, held.message.to, this.#decide(held.captured, held.message));
    this.#writeAnswers();
    return true;
  }

  /** Refuses a held message. */
  nack(messageId: string, refusal: Refusal): boolean {
    const held = this.#pending.get(messageId)?.held;
    if (held === undefined) return false;
    this.#answer(messageId, held.message.to, this.#context.service.refuse(held.captured, refusal));
    this.#writeAnswers();
    return true;
  }

  /**
   * Announces that this connection goes away; it ends when nothing is pending for a while, at the latest after the time limit.
   *
   * @param nackAll Whether messages that come from now on are nacked with `CONNECTION_DRAINING`. Otherwise a window's worth of them
   * still counts as being in the pipeline and is processed.
   */
  drain(nackAll: boolean): void {
    if (!this.accepting) return;
    const { counters, events, drainTimeoutMs, elementStyle } = this.#context;
    const { id, senderId } = this.#link;
    this.flush();
    this.#draining = { nackAll, pipeline: this.#pending.size };
    counters.drains++;
    this.#link.send(answerStanza('{"message_type":"control","control_type":"CONNECTION_DRAINING"}', elementStyle));
    events.emit({ type: "connection", change: "draining", connectionId: id, senderId });
    this.#link.later(drainTimeoutMs, () => this.#link.end("drained: the time limit passed"));
    this.#activity();
  }

  /** A `<message>` came in. */
  read(stanza: XmlElement): void {
    const gcm = childOf(stanza, "gcm", GCM_NAMESPACE);
    if (gcm === undefined) return; // not ours to answer
    const json = textOf(gcm);
    const { id } = stanza.attributes;
    let value: unknown;
    try {
      value = parseBoundedJson(json);
    } catch (error) {
      const problem = describeError(error);
      this.#stanzaError(id, json, `InvalidJson: JSON_PARSING_ERROR : ${problem}`);
      return;
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#stanzaError(id, json, "InvalidJson: JSON_PARSING_ERROR : not a JSON object");
      return;
    }
    const fields = value as Readonly<Record<string, unknown>>;
    const { message_id: messageId, message_type: messageType } = fields;
    if (messageType === "ack") this.#onAck(id, json, fields);
    else if (typeof messageId === "string" && messageId !== "") this.#onDownstream(messageId, fields, json);
    else this.#stanzaError(id, json, "InvalidJson: JSON_PARSING_ERROR : Missing Required Field: message_id");
  }

  /** All that came in one piece has been read: its answers leave together. */
  pieceRead(): void {
    if (this.#answersDue) this.#writeAnswers();
  }

  /** Writes the answers that wait, those included whose time has not come. */
  flush(): void {
    for (const answer of this.#delayed) answer();
    this.#delayed.clear();
    this.#writeAnswers();
  }

  #writeAnswers(): void {
    this.#answersDue = false;
    const text = this.#answers + this.#afterAnswers;
    if (text === "") return;
    this.#link.send(text);
    this.#afterAnswers = "";
    for (const messageId of this.#answered) this.#pending.delete(messageId);
    this.#answers = "";
    this.#answered = [];
    this.#activity();
  }

  /** The connection has ended. */
  close(): void {
    for (const { held } of this.#pending.values()) {
      if (held === undefined) continue;
      this.#context.service.leaveUnanswered(held.captured, "the connection ended before the answer");
    }
    this.#pending.clear();
    this.#context.upstream.detach(this.#link.senderId, this);
  }

  #onAck(id: string | undefined, json: string, value: Readonly<Record<string, unknown>>): void {
    const parsed = CcsClientAckSchema.safeParse(value);
    if (!parsed.success) {
      const { message_id: messageId, to } = value;
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
    if (this.#context.upstream.acked(this.#link.senderId, this, to, messageId)) return;
    this.#violation(`ack for ${messageId}, which was not sent over this connection`);
    this.#context.counters.stanzaErrors++;
    const text = "Received acks for messages not sent over this connection";
    this.#link.send(stanzaError(id, this.#link.jid, json, 406, "modify", "not-acceptable", text));
  }

  #onDownstream(messageId: string, value: Readonly<Record<string, unknown>>, json: string): void {
    const { service, faults, counters, seenBefore, lenientNumbers, autoAck } = this.#context;
    const { senderId } = this.#link;
    this.#activity();
    const earlier = this.#pending.get(messageId);
    if (earlier !== undefined) this.#violation(`message_id ${messageId} is pending already`);
    if (earlier?.held !== undefined) service.leaveUnanswered(earlier.held.captured, "its message_id was used again");
    if (seenBefore(senderId, messageId)) counters.repeatedMessageIds++;
    const cut = faults.takeCut();
    const drain = faults.takeDrain();
    const { message: read, refusal: wrong } = readDownstream(
      value,
      { protocol: "ccs", senderId, wire: json, messageId },
      service.profile,
      lenientNumbers,
    );
    const message = this.#context.emulated.resolve(read);
    const captured = service.receive(message);
    if (cut !== undefined && cut.beforeAck !== false) {
      if (cut.accept === false) service.leaveUnanswered(captured, "the connection was cut before it was taken");
      else if (wrong === undefined) this.#decide(captured, message);
      this.#cut("cut by a fault, before the ack");
      return;
    }
    const to = typeof value["to"] === "string" && value["to"] !== "" ? value["to"] : message.to;
    const refusal = this.#refusedNow() ?? wrong;
    if (refusal !== undefined) this.#queueAnswer(messageId, to, service.refuse(captured, refusal));
    else if (autoAck) {
      this.#pending.set(messageId, {});
      this.#queueAnswer(messageId, to, this.#decide(captured, message));
    } else {
      this.#pending.set(messageId, { held: { captured, message } });
      service.hold(captured);
    }
    if (cut !== undefined) this.#cut("cut by a fault, after the ack");
    else if (drain !== undefined) this.drain(drain.nack === true);
  }

  #decide(captured: CapturedMessage, message: ModelMessage): Decision {
    this.#deciding = true;
    try {
      return this.#context.service.decide(captured, message);
    } finally {
      this.#deciding = false;
    }
  }

  /** Why no message is taken at the moment, whatever is in it. */
  #refusedNow(): Refusal | undefined {
    const { maxPending } = this.#context;
    if (this.#draining !== undefined && (this.#draining.nackAll || ++this.#draining.pipeline > maxPending)) {
      if (!this.#draining.nackAll) this.#violation("more than a window of messages came after CONNECTION_DRAINING");
      return { kind: "refused", code: "connection-draining", detail: "The connection is draining" };
    }
    if (this.#pending.size < maxPending) return undefined;
    this.#violation(`${this.#pending.size + 1} messages are pending, at most ${maxPending} may be`);
    return { kind: "refused", code: "unavailable", detail: `More than ${maxPending} messages are pending` };
  }

  #cut(reason: string): void {
    this.#context.counters.cuts++;
    this.flush();
    this.#link.cutWhenSent(reason);
  }

  #queueAnswer(messageId: string, to: string, decision: Decision): void {
    const { ackDelayMs } = this.#context;
    if (ackDelayMs === 0) {
      this.#answer(messageId, to, decision);
      this.#answersDue = true;
      return;
    }
    // its receipt, if there is one already, comes after it
    const after = this.#afterAnswers;
    this.#afterAnswers = "";
    const answer = (): void => {
      this.#answer(messageId, to, decision);
      this.#afterAnswers += after;
    };
    this.#delayed.add(answer);
    this.#link.later(ackDelayMs, () => {
      if (!this.#delayed.delete(answer)) return;
      answer();
      this.#writeAnswers();
    });
  }

  #answer(messageId: string, to: string, decided: Decision): void {
    const { counters, service, elementStyle, groupFailureCounts } = this.#context;
    const nobody = decided.kind === "accepted" && decided.group?.success === 0 && !groupFailureCounts;
    const decision: Decision = nobody ? REACHED_NOBODY : decided;
    if (decision.kind === "refused") counters.nacks++;
    else counters.acks++;
    this.#answers += answerStanza(answerJson(messageId, to, decision, service.profile.ccsRateWord), elementStyle);
    this.#answered.push(messageId);
  }

  #stanzaError(id: string | undefined, json: string, text: string): void {
    this.#context.counters.stanzaErrors++;
    this.#link.send(stanzaError(id, this.#link.jid, json, 400, "modify", "bad-request", text));
  }

  #violation(detail: string): void {
    this.#context.counters.violations++;
    this.#context.events.emit({ type: "violation", connectionId: this.id, detail });
  }

  /** While draining: when nothing has moved for a while and nothing is pending, it is done. */
  #activity(): void {
    if (this.#draining === undefined) return;
    this.#quiet?.();
    this.#quiet = this.#link.later(this.#context.drainQuietMs, () => {
      const unacked = this.#context.upstream.unacked(this.#link.senderId, this);
      if (this.#pending.size === 0 && unacked === 0) this.#link.end("drained");
    });
  }
}

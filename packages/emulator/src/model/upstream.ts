import type { UpstreamPort, UpstreamStanza } from "@cloud-messaging/connection-server";
import type { Clock } from "@cloud-messaging/core";
import { type CancelTimer, defined } from "@cloud-messaging/core/transport";
import type { ModelCounters, ModelEvents } from "./ports.ts";

/** Maximum number of upstream messages queued for an app server without a connection. Source: docs/emulator-fidelity.md#upstream */
const MAX_WHILE_DISCONNECTED = 100;
/** Maximum number of upstream messages queued for an app server with a connection. Implementation limit. */
const MAX_WAITING = 10_000;
/** Maximum text of all queued and unacknowledged messages; further ones are discarded. Implementation limit. Unit: characters. */
const MAX_TEXT = 64 * 1_048_576;
/** Maximum number of duplicate acks expected per connection: a second ack of a redelivered message is no violation. Implementation limit. */
const MAX_LATE = 1000;

/** Message from a device, or receipt, in delivery to the app server. */
export interface UpstreamItem extends UpstreamStanza {
  readonly kind: "upstream" | "receipt";
  readonly senderId: string;
  /** Addressee of the ack. */
  readonly from: string;
  readonly messageId: string;
  /** Expiry, in the service's time. Unit: milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Called once, when the item was acknowledged or dropped. */
  settle(result: "acked" | "expired" | "discarded"): void;
}

interface Flight {
  readonly item: UpstreamItem;
  sends: number;
  cancelResend: CancelTimer;
}

interface Attached {
  readonly port: UpstreamPort;
  /** Unacknowledged items by key, oldest first; several may share a key (receipts of one message ID). */
  readonly flights: Map<string, Flight[]>;
  /** Number of items in `flights`. */
  unacked: number;
  /** Duplicate acks still expected, by key. */
  readonly late: Map<string, number>;
}

interface Sender {
  waiting: UpstreamItem[];
  readonly attached: Map<UpstreamPort, Attached>;
}

/** Dependencies of the queue. */
export interface UpstreamRules {
  /** Clock of the service, for expiry. */
  readonly clock: Clock;
  /** Clock of the network, for redelivery. */
  readonly networkClock: Clock;
  /** Maximum number of unacknowledged messages per connection. */
  readonly window: number;
  /** Time after which an unacknowledged message is redelivered. Unit: milliseconds. */
  readonly resendMs: number;
  readonly events: ModelEvents;
  readonly counters: ModelCounters;
}

/**
 * Queue of messages from devices to app servers: each item is delivered to one connection of its sender, redelivered until acknowledged, and moved
 * to another connection when its own ends.
 */
export class UpstreamQueues {
  readonly #rules: UpstreamRules;
  readonly #senders = new Map<string, Sender>();
  readonly #expiries = new Map<UpstreamItem, CancelTimer>();
  #text = 0;

  constructor(rules: UpstreamRules) {
    this.#rules = rules;
  }

  /** Enqueues an item; `discarded` at once if the queue is full. */
  enqueue(item: UpstreamItem): void {
    const sender = this.#sender(item.senderId);
    this.#report("queued", item);
    this.#text += textOf(item);
    const full = sender.waiting.length >= (sender.attached.size === 0 ? MAX_WHILE_DISCONNECTED : MAX_WAITING);
    if (full || this.#text > MAX_TEXT) {
      this.#end(item, "discarded");
      this.#forgetIdle(item.senderId);
      return;
    }
    sender.waiting.push(item);
    this.#pump(sender, item);
    const at = sender.waiting.lastIndexOf(item);
    if (at === -1) return;
    if (item.expiresAt > this.#rules.clock.now()) this.#awaitExpiry(sender, item);
    else {
      // time to live 0 without a connection
      sender.waiting.splice(at, 1);
      this.#end(item, "expired");
      this.#forgetIdle(item.senderId);
    }
  }

  attach(senderId: string, port: UpstreamPort): void {
    const sender = this.#sender(senderId);
    sender.attached.set(port, { port, flights: new Map(), unacked: 0, late: new Map() });
    this.#pump(sender);
  }

  /** Removes an ended connection; its unacknowledged items move to others, ahead of queued ones. */
  detach(senderId: string, port: UpstreamPort): void {
    const sender = this.#senders.get(senderId);
    const attached = sender?.attached.get(port);
    if (sender === undefined || attached === undefined) return;
    sender.attached.delete(port);
    const unacked: UpstreamItem[] = [];
    for (const { item, cancelResend } of takeFlights(attached)) {
      cancelResend();
      unacked.push(item);
    }
    sender.waiting = [...unacked, ...sender.waiting];
    this.#pump(sender);
    const waiting = new Set(sender.waiting);
    for (const item of unacked) if (waiting.has(item)) this.#awaitExpiry(sender, item);
    this.#forgetIdle(senderId);
  }

  /** Handles an ack. Returns `false` if nothing with that ID was sent on this connection. */
  acked(senderId: string, port: UpstreamPort, to: string, messageId: string): boolean {
    const sender = this.#senders.get(senderId);
    const attached = sender?.attached.get(port);
    if (sender === undefined || attached === undefined) return false;
    const key = keyOf(to, messageId);
    const flights = attached.flights.get(key);
    const flight = flights?.shift();
    if (flights?.length === 0) attached.flights.delete(key);
    if (flight === undefined) {
      const owed = attached.late.get(key) ?? 0;
      if (owed === 0) return false;
      if (owed === 1) attached.late.delete(key);
      else attached.late.set(key, owed - 1);
      return true;
    }
    flight.cancelResend();
    attached.unacked--;
    oweAcks(attached, key, flight.sends - 1);
    const { counters } = this.#rules;
    if (flight.item.kind === "receipt") counters.receiptsAcked++;
    else counters.upstreamAcked++;
    this.#report("acked", flight.item, port.id);
    this.#text -= textOf(flight.item);
    flight.item.settle("acked");
    this.#pump(sender);
    return true;
  }

  /** Number of unacknowledged items of a connection. */
  unacked(senderId: string, port: UpstreamPort): number {
    return this.#senders.get(senderId)?.attached.get(port)?.unacked ?? 0;
  }

  /** Number of items that wait for a connection or for capacity on one. */
  waiting(senderId: string): number {
    return this.#senders.get(senderId)?.waiting.length ?? 0;
  }

  /** Discards every item. Connections stay, and late acks on them are no violation. */
  reset(): void {
    for (const sender of this.#senders.values()) {
      for (const attached of sender.attached.values()) {
        for (const { item, sends, cancelResend } of takeFlights(attached)) {
          cancelResend();
          oweAcks(attached, keyOf(item.from, item.messageId), sends);
          this.#end(item, "discarded");
        }
      }
      for (const item of sender.waiting.splice(0)) this.#end(item, "discarded");
    }
    for (const senderId of [...this.#senders.keys()]) this.#forgetIdle(senderId);
  }

  /** Forgets a sender without connections and items. */
  #forgetIdle(senderId: string): void {
    const sender = this.#senders.get(senderId);
    if (sender?.attached.size === 0 && sender.waiting.length === 0) this.#senders.delete(senderId);
  }

  #awaitExpiry(sender: Sender, item: UpstreamItem): void {
    const { clock } = this.#rules;
    const cancel = clock.schedule(item.expiresAt - clock.now(), () => {
      this.#expiries.delete(item);
      const at = sender.waiting.indexOf(item);
      if (at === -1) return;
      sender.waiting.splice(at, 1);
      this.#end(item, "expired");
      this.#forgetIdle(item.senderId);
    });
    this.#expiries.set(item, cancel);
  }

  /** @param fresh True for a new item: it is tried once even with a time to live of 0. */
  #pump(sender: Sender, fresh?: UpstreamItem): void {
    // an item leaves the line before it is told of: a listener may send another one
    for (let item = sender.waiting[0]; item !== undefined; item = sender.waiting[0]) {
      if (item !== fresh && item.expiresAt <= this.#rules.clock.now()) {
        sender.waiting.shift();
        this.#end(item, "expired");
        continue;
      }
      const attached = this.#freest(sender);
      if (attached === undefined) break;
      sender.waiting.shift();
      this.#write(attached, item);
    }
  }

  #freest(sender: Sender): Attached | undefined {
    let best: Attached | undefined;
    for (const attached of sender.attached.values()) {
      if (!attached.port.accepting || attached.unacked >= this.#rules.window) continue;
      if (best === undefined || attached.unacked < best.unacked) best = attached;
    }
    return best;
  }

  #write(attached: Attached, item: UpstreamItem): void {
    this.#forgetExpiry(item);
    const flight: Flight = { item, sends: 0, cancelResend: () => {} };
    const key = keyOf(item.from, item.messageId);
    const sharing = attached.flights.get(key);
    if (sharing === undefined) attached.flights.set(key, [flight]);
    else sharing.push(flight);
    attached.unacked++;
    this.#send(attached, flight);
  }

  #send(attached: Attached, flight: Flight): void {
    const { item } = flight;
    const { counters, networkClock, resendMs } = this.#rules;
    flight.sends++;
    flight.cancelResend = networkClock.schedule(resendMs, () => this.#send(attached, flight));
    if (written.has(item)) counters.upstreamResent++;
    else if (item.kind === "receipt") counters.receiptsSent++;
    else counters.upstreamSent++;
    this.#report(written.has(item) ? "resent" : "sent", item, attached.port.id);
    written.add(item);
    attached.port.write(item);
  }

  #sender(senderId: string): Sender {
    let sender = this.#senders.get(senderId);
    if (sender === undefined) {
      sender = { waiting: [], attached: new Map() };
      this.#senders.set(senderId, sender);
    }
    return sender;
  }

  #forgetExpiry(item: UpstreamItem): void {
    this.#expiries.get(item)?.();
    this.#expiries.delete(item);
  }

  #end(item: UpstreamItem, result: "expired" | "discarded"): void {
    this.#forgetExpiry(item);
    this.#text -= textOf(item);
    this.#report(result, item);
    item.settle(result);
  }

  #report(
    change: "queued" | "sent" | "resent" | "acked" | "expired" | "discarded",
    item: UpstreamItem,
    connectionId?: number,
  ): void {
    this.#rules.events.emit({
      type: "upstream",
      change,
      kind: item.kind,
      senderId: item.senderId,
      messageId: item.messageId,
      ...defined({ connectionId }),
    });
  }
}

/** Items that were written at least once, on any connection. */
const written = new WeakSet<UpstreamItem>();

/** Removes and returns the unacknowledged items of a connection, in the order of their first delivery. */
function takeFlights(attached: Attached): Flight[] {
  const flights = [...attached.flights.values()].flat();
  attached.flights.clear();
  attached.unacked = 0;
  return flights;
}

function oweAcks({ late }: Attached, key: string, acks: number): void {
  if (acks === 0) return;
  late.set(key, (late.get(key) ?? 0) + acks);
  if (late.size > MAX_LATE) late.delete(late.keys().next().value as string);
}

const textOf = ({ json, messageId, from }: UpstreamItem): number => json.length + messageId.length + from.length;

const keyOf = (from: string, messageId: string): string => `${from}\n${messageId}`;

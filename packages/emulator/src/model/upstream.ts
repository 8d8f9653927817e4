import type { CancelTimer, Clock } from "@cloud-messaging/core";
import type { EventHub } from "../events.ts";
import type { Counters } from "../stats.ts";

/** Upstream messages kept for an app server that has no connection. Source: docs/emulator-fidelity.md#upstream */
const MAX_WHILE_DISCONNECTED = 100;
/** Upstream messages kept for one that has. Ours. */
const MAX_WAITING = 10_000;
/** Text of all that waits or is unacked, whoever it is for; what would exceed it is discarded. Ours. Unit: characters. */
const MAX_TEXT = 64 * 1_048_576;
/** Acks of repeats remembered per connection, so that the second ack of a message sent twice is no error. Ours. */
const MAX_LATE = 1000;

/** A message from a device, or a receipt, on its way to the app server. */
export interface UpstreamItem {
  readonly kind: "upstream" | "receipt";
  readonly senderId: string;
  /** Whom the app server acknowledges it to. */
  readonly from: string;
  readonly messageId: string;
  /** What `<gcm>` holds. */
  readonly json: string;
  /** The service's time. Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Called once: it was acked, or will never be sent again. */
  settle(result: "acked" | "expired" | "discarded"): void;
}

/** A connection that upstream messages can leave by. */
export interface UpstreamPort {
  readonly id: number;
  /** Whether new ones may be given to it. */
  readonly accepting: boolean;
  write(item: UpstreamItem): void;
}

interface Flight {
  readonly item: UpstreamItem;
  sends: number;
  cancelResend: CancelTimer;
}

interface Attached {
  readonly port: UpstreamPort;
  /** Unacked, by key, the oldest first: two messages may share one (two receipts for one message ID). */
  readonly flights: Map<string, Flight[]>;
  /** How many there are in `flights`. */
  unacked: number;
  /** Acks still owed for repeats, by key. */
  readonly late: Map<string, number>;
}

interface Sender {
  waiting: UpstreamItem[];
  readonly attached: Map<UpstreamPort, Attached>;
}

/** What the queue needs of the emulator. */
export interface UpstreamRules {
  /** The service's time, for expiry. */
  readonly clock: Clock;
  /** The network's time, for sending again. */
  readonly networkClock: Clock;
  /** Unacked messages a connection may have. */
  readonly window: number;
  /** An unacked one is written again after so long. Unit: milliseconds. */
  readonly resendMs: number;
  readonly events: EventHub;
  readonly counters: Counters;
}

/**
 * What devices have for app servers: each item goes to exactly one connection of its sender, is written again while unacked, and moves
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

  /** Takes an item in; it is `discarded` at once when too many wait. */
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
    if (sender.waiting.at(-1) !== item) return;
    if (item.expiresAt > this.#rules.clock.now()) this.#awaitExpiry(sender, item);
    else {
      // now or never, and nobody can take it now
      sender.waiting.pop();
      this.#end(item, "expired");
      this.#forgetIdle(item.senderId);
    }
  }

  attach(senderId: string, port: UpstreamPort): void {
    const sender = this.#sender(senderId);
    sender.attached.set(port, { port, flights: new Map(), unacked: 0, late: new Map() });
    this.#pump(sender);
  }

  /** The connection has ended: what it did not see acked goes to others, before what waits already. */
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

  /** An ack came in. `false`: nothing of that name was sent over this connection. */
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

  /** How many a connection has not acked. */
  unacked(senderId: string, port: UpstreamPort): number {
    return this.#senders.get(senderId)?.attached.get(port)?.unacked ?? 0;
  }

  /** How many wait for a connection or for room on one. */
  waiting(senderId: string): number {
    return this.#senders.get(senderId)?.waiting.length ?? 0;
  }

  /** Discards all that waits or is unacked; connections stay, and acks that they still bring are no error. */
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

  /** A sender with no connection and nothing waiting is as good as one never heard of. */
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

  /** @param fresh Has just come in: it is tried once even if it may not wait at all. */
  #pump(sender: Sender, fresh?: UpstreamItem): void {
    if (sender.waiting.length === 0) return;
    let next = 0;
    for (; next < sender.waiting.length; next++) {
      const item = sender.waiting[next] as UpstreamItem;
      if (item !== fresh && item.expiresAt <= this.#rules.clock.now()) {
        this.#end(item, "expired");
        continue;
      }
      const attached = this.#freest(sender);
      if (attached === undefined) break;
      this.#write(attached, item);
    }
    sender.waiting.splice(0, next);
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
      ...(connectionId === undefined ? {} : { connectionId }),
    });
  }
}

/** Items that have been written at least once, on whatever connection. */
const written = new WeakSet<UpstreamItem>();

/** Empties a connection of what it has not seen acked, in the order it was first sent. */
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

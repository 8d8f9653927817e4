import type { CcsConnection, CcsHooks } from "@cloud-messaging/connection-server";
import type { Clock } from "@cloud-messaging/core";
import type { EmulatedService } from "../emulated-service.ts";
import type { FaultScript } from "../faults/fault-script.ts";
import type { CloudService } from "../model/service.ts";
import type { Counters } from "../stats.ts";

/** `message_id`s remembered, to recognise a repeated one, and their text together (in characters). Implementation limit. */
const MAX_REMEMBERED = 100_000;
const MAX_REMEMBERED_TEXT = 8 * 1_048_576;

/** Parts that the hooks act on. */
export interface CcsHooksParts {
  readonly service: CloudService;
  readonly emulated: EmulatedService;
  readonly faults: FaultScript;
  readonly counters: Counters;
  /** Clock of the network. */
  readonly clock: Clock;
  /** Unit: milliseconds. */
  readonly ackDelayMs: number;
}

/** Creates the hooks around the CCS server: scripted cuts, drains and logins, delayed acks, the count of repeated message IDs. */
export function createCcsHooks(parts: CcsHooksParts): CcsHooks & { close(): void } {
  const { service, emulated, faults, counters, ackDelayMs } = parts;
  const seenBefore = createMemory();
  const delays = createDelays(parts.clock, ackDelayMs);

  const cut = (connection: CcsConnection, reason: string): void => {
    counters.cuts++;
    connection.cut({ reason, flush: true });
  };

  return {
    connection(socket, stage) {
      if (stage === "tcp") {
        if (faults.takeLogin(["refuse"]) !== undefined) socket.resetAndDestroy();
        return false;
      }
      if (faults.takeLogin(["hang"]) === undefined) return false;
      socket.resume();
      return true;
    },
    message({ message, refusal }, connection, proceed) {
      if (seenBefore(`${message.senderId}\n${message.messageId}`)) counters.repeatedMessageIds++;
      const cutFault = faults.takeCut();
      const drain = faults.takeDrain();
      if (cutFault !== undefined && cutFault.beforeAck !== false) {
        const resolved = emulated.resolve(message);
        const captured = service.receive(resolved);
        if (cutFault.accept === false) service.leaveUnanswered(captured, "the connection was cut before it was taken");
        else if (refusal === undefined) service.decide(captured, resolved);
        cut(connection, "cut by a fault, before the ack");
        return;
      }
      proceed();
      if (cutFault !== undefined) cut(connection, "cut by a fault, after the ack");
      else if (drain !== undefined) connection.drain({ nack: drain.nack === true });
    },
    ...(ackDelayMs === 0 ? {} : { answer: delays.answer, flush: delays.flush }),
    close: () => delays.close(),
  };
}

/** Delays answers; those of a connection that ends are written at once. */
function createDelays(clock: Clock, delayMs: number) {
  const delayed = new Map<CcsConnection, Map<() => void, () => void>>();
  const flush = (connection: CcsConnection): void => {
    const waiting = delayed.get(connection);
    delayed.delete(connection);
    for (const [write, cancel] of waiting ?? []) {
      cancel();
      write();
    }
  };
  return {
    answer(connection: CcsConnection, write: () => void): void {
      const waiting = delayed.get(connection) ?? new Map<() => void, () => void>();
      delayed.set(connection, waiting);
      const cancel = clock.schedule(delayMs, () => {
        waiting.delete(write);
        if (waiting.size === 0) delayed.delete(connection);
        write();
      });
      waiting.set(write, cancel);
    },
    flush,
    close: () => {
      for (const connection of [...delayed.keys()]) flush(connection);
    },
  };
}

/** Creates a memory of keys: `true` for one that it was asked about before. */
function createMemory(): (key: string) => boolean {
  const remembered = new Set<string>();
  let text = 0;
  return (key) => {
    if (remembered.has(key)) return true;
    remembered.add(key);
    text += key.length;
    // all at once: dropping the oldest one by one makes a set slow
    if (remembered.size > MAX_REMEMBERED || text > MAX_REMEMBERED_TEXT) {
      remembered.clear();
      text = 0;
    }
    return false;
  };
}

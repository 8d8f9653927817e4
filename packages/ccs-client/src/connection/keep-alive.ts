import { type CancelTimer, earlier, type MonotonicInstant, msBetween, plusMs } from "@cloud-messaging/core/transport";
import type { ResolvedCcsOptions } from "../options.ts";
import { pingStanza } from "../xmpp/stanza.ts";

/** Settings of a keep-alive. */
export type KeepAliveOptions = Pick<
  ResolvedCcsOptions,
  "clock" | "keepAliveIntervalMs" | "pingIntervalMs" | "pingTimeoutMs"
>;

/** Effects of a keep-alive on its connection. */
export interface KeepAliveEffects {
  /** Writes white space or a ping, and tells `written`. */
  write(text: string, now: MonotonicInstant): void;
  /** The server did not answer a ping in time. Nothing is written any more. */
  timedOut(reason: string): void;
}

/** Keep-alive of both directions with one timer: white space after silence of ours, a ping after silence of the server, then its time-out. */
export class KeepAlive {
  readonly #options: KeepAliveOptions;
  readonly #effects: KeepAliveEffects;
  #cancel: CancelTimer | undefined;
  #receivedAt: MonotonicInstant;
  #writtenAt: MonotonicInstant;
  #pingSentAt: MonotonicInstant | undefined;
  #pings = 0;
  #roundTripMs: number | undefined;

  constructor(options: KeepAliveOptions, effects: KeepAliveEffects) {
    this.#options = options;
    this.#effects = effects;
    this.#receivedAt = this.#writtenAt = options.clock.monotonic();
  }

  /** Time from the latest ping to what the server sent next; `undefined` before the first. Unit: milliseconds. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** Records that something was received. */
  received(): void {
    this.#receivedAt = this.#options.clock.monotonic();
    // any data received after the ping shows that the peer is alive
    if (this.#pingSentAt !== undefined) this.#roundTripMs = msBetween(this.#pingSentAt, this.#receivedAt);
    this.#pingSentAt = undefined;
  }

  /** Records that something was written. */
  written(now: MonotonicInstant): void {
    this.#writtenAt = now;
  }

  /** Does what is due, and schedules the next look; ends with `stop`. */
  watch(): void {
    const { clock, keepAliveIntervalMs, pingIntervalMs, pingTimeoutMs } = this.#options;
    const now = clock.monotonic();
    if (this.#pingSentAt !== undefined && now >= plusMs(this.#pingSentAt, pingTimeoutMs)) {
      this.#effects.timedOut(`The server did not answer a ping within ${pingTimeoutMs} ms`);
      return;
    }
    if (this.#pingSentAt === undefined && now >= plusMs(this.#receivedAt, pingIntervalMs)) {
      this.#pingSentAt = now;
      this.#effects.write(pingStanza(`ping-${++this.#pings}`), now);
    } else if (now >= plusMs(this.#writtenAt, keepAliveIntervalMs)) this.#effects.write(" ", now);
    const pingDue =
      this.#pingSentAt === undefined
        ? plusMs(this.#receivedAt, pingIntervalMs)
        : plusMs(this.#pingSentAt, pingTimeoutMs);
    const next = earlier(plusMs(this.#writtenAt, keepAliveIntervalMs), pingDue);
    this.#cancel = clock.schedule(Math.max(1, msBetween(now, next)), () => this.watch());
  }

  stop(): void {
    this.#cancel?.();
  }
}

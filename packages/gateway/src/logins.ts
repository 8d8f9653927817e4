import type { BlockList } from "node:net";
import type { Login, Refusal } from "@cloud-messaging/connection-server";
import type { Clock } from "@cloud-messaging/core";
import { RecentMap } from "@cloud-messaging/core/transport";
import { addressRanges, isIn, readAddress, sourceOf } from "./addresses.ts";
import type { GatewayEvent } from "./event.ts";
import { KeyRing } from "./keys.ts";
import type { GatewayClient } from "./options.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Implementation limit: addresses whose failed logins are remembered. */
const MAX_ADDRESSES = 10_000;

/** A client that has been configured, with the state that belongs to it. */
export interface KnownClient {
  readonly options: GatewayClient;
  readonly addresses: BlockList | undefined;
  readonly rate: TokenBucket | undefined;
}

/** Checks logins by key, sender ID and address; slows an address that fails. */
export class Logins {
  readonly #clock: Clock;
  readonly #failuresPerMinute: number;
  readonly #onEvent: (event: GatewayEvent) => void;
  readonly #failures = new RecentMap<string, TokenBucket>(MAX_ADDRESSES);
  #keys = new KeyRing<KnownClient>();
  #clients = new Map<string, KnownClient>();

  constructor(
    clients: readonly GatewayClient[],
    failuresPerMinute: number,
    clock: Clock,
    onEvent: (event: GatewayEvent) => void,
  ) {
    this.#clock = clock;
    this.#failuresPerMinute = failuresPerMinute;
    this.#onEvent = onEvent;
    this.replace(clients);
  }

  /** Takes another list of clients in place of the present one. */
  replace(clients: readonly GatewayClient[]): void {
    const keys = new KeyRing<KnownClient>();
    const known = new Map<string, KnownClient>();
    for (const options of clients) {
      const { perMinute, addresses } = options;
      const before = this.#clients.get(options.name);
      const client: KnownClient = {
        options,
        addresses: addresses === undefined ? undefined : addressRanges(addresses),
        // a reload is no way to a full bucket
        rate:
          perMinute === undefined
            ? undefined
            : before?.options.perMinute === perMinute
              ? before.rate
              : new TokenBucket(perMinute, this.#clock),
      };
      known.set(options.name, client);
      for (const hash of options.keys) keys.add(hash, client);
    }
    this.#keys = keys;
    this.#clients = known;
  }

  /** The present list of clients. */
  get clients(): readonly GatewayClient[] {
    return [...this.#clients.values()].map(({ options }) => options);
  }

  get(name: string | undefined): KnownClient | undefined {
    return name === undefined ? undefined : this.#clients.get(name);
  }

  /** Checks a login. Every failure looks the same from outside. */
  check({ protocol, kind, secret, senderId, remoteAddress }: Login): KnownClient | Refusal {
    const address = readAddress(remoteAddress);
    const source = sourceOf(address);
    const failures = this.#failures.get(source);
    const refuse = (reason: Extract<GatewayEvent, { type: "login-refused" }>["reason"], client?: string): Refusal => {
      if (reason !== "too-many-failures") this.#failed(source);
      this.#onEvent({
        type: "login-refused",
        protocol: protocol === "ccs" ? "ccs" : "gcm-http",
        reason,
        ...(address === undefined ? {} : { address }),
        ...(client === undefined ? {} : { client }),
      });
      return { kind: "refused", code: "authentication-failed" };
    };
    const waitMs = failures?.waitMs() ?? 0;
    if (waitMs > 0) {
      refuse("too-many-failures");
      return { kind: "refused", code: "unavailable", retryAfter: String(Math.ceil(waitMs / 1000)) };
    }
    const client = kind === "api-key" ? this.#keys.find(secret) : undefined;
    if (client === undefined) return refuse("unknown-key");
    const { options, addresses } = client;
    if (senderId !== undefined && options.senderId !== senderId) return refuse("wrong-sender", options.name);
    if (addresses !== undefined && !isIn(addresses, address)) return refuse("address", options.name);
    return client;
  }

  #failed(source: string): void {
    let bucket = this.#failures.get(source);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#failuresPerMinute, this.#clock);
      this.#failures.set(source, bucket);
    }
    bucket.take();
  }
}

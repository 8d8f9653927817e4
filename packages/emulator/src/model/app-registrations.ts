import type { Refusal } from "@cloud-messaging/connection-server";
import type { Clock } from "@cloud-messaging/core";
import type { AppInstance } from "./app-instance.ts";
import { type DeviceRegistry, viewOf } from "./devices.ts";
import type { ServiceIds } from "./ids.ts";
import type { ModelEvents } from "./ports.ts";
import { isMalformed } from "./token-rules.ts";

/** Parts and settings of the app registrations. */
export interface AppRegistrationParts {
  readonly clock: Clock;
  readonly ids: ServiceIds;
  readonly autoRegister: boolean;
  /** Lifetime of superseded tokens. Unit: milliseconds. `Infinity`: unlimited. */
  readonly supersededLifetimeMs: number;
  readonly registry: DeviceRegistry;
  readonly events: ModelEvents;
}

/** Registrations of apps with the service: automatic ones, new tokens, expiry of superseded ones, and the limit `maxDevices`. */
export class AppRegistrations {
  readonly #parts: AppRegistrationParts;
  #toldFull = false;

  constructor(parts: AppRegistrationParts) {
    this.#parts = parts;
  }

  /** Returns the app of a token. With `autoRegister`, registers a device for a well-formed unknown token. */
  appOf(token: string): AppInstance | undefined {
    return this.#parts.registry.byToken(token) ?? this.#autoRegistered(token);
  }

  /** Registers an app again, with a new canonical token. */
  reregister(app: AppInstance, token: string = this.#parts.ids.token()): string {
    const { registry, clock, supersededLifetimeMs, events } = this.#parts;
    const superseded = app.canonicalToken;
    registry.reregister(app, token);
    if (Number.isFinite(supersededLifetimeMs) && superseded !== token) {
      this.expireToken(app, superseded, clock.now() + supersededLifetimeMs);
    }
    events.emit({ type: "device", change: "registered", device: viewOf(app) });
    return token;
  }

  /** Sets the expiry of a superseded token. */
  expireToken(app: AppInstance, superseded: string, at: number): void {
    const { registry, clock } = this.#parts;
    if (!app.tokens.has(superseded)) return;
    const cancel = clock.schedule(at - clock.now(), () => {
      if (registry.byToken(superseded) === app && app.canonicalToken !== superseded) registry.forgetToken(superseded);
    });
    app.tokenExpiries.set(superseded, { at, cancel });
  }

  /**
   * Refusal of a token that would be registered automatically below `maxDevices`: its sender must not treat it as unregistered.
   * `undefined` for any other token.
   */
  refusalOfUnknown(token: string): Refusal | undefined {
    const { autoRegister } = this.#parts;
    if (!autoRegister || isMalformed(token) || this.appOf(token) !== undefined) return undefined;
    return this.refusalWhenFull();
  }

  /** Refusal of a new device at `maxDevices`, published once as an event until there is capacity again. */
  refusalWhenFull(): Refusal | undefined {
    const { registry, events } = this.#parts;
    if (!registry.full) return undefined;
    const detail = this.#fullDetail;
    if (!this.#toldFull) events.emit({ type: "full", detail });
    this.#toldFull = true;
    return { kind: "refused", code: "unavailable", detail };
  }

  /** Reason of the refusals at `maxDevices`, from the first one until there is capacity again. */
  get full(): string | undefined {
    return this.#toldFull && this.#parts.registry.full ? this.#fullDetail : undefined;
  }

  get #fullDetail(): string {
    return `The emulator has ${this.#parts.registry.maxDevices} devices, as many as maxDevices allows, and registers no more: raise it, or remove some`;
  }

  /** True for an unknown token that would be registered automatically. */
  wouldRegister(token: string): boolean {
    const { autoRegister, registry } = this.#parts;
    return autoRegister && !registry.full && !isMalformed(token) && registry.byToken(token) === undefined;
  }

  #autoRegistered(token: string): AppInstance | undefined {
    const { registry, events, ids } = this.#parts;
    if (!this.wouldRegister(token)) return undefined;
    this.#toldFull = false;
    const id = `auto-${ids.hex(12)}`;
    const device = registry.addDevice({ id, name: `registered by itself: ${token.slice(0, 12)}` });
    // without a known sender it admits all
    const app = registry.addApp(device, { id, token, packageName: "com.example.app", senderIds: [] });
    events.emit({ type: "device", change: "created", device: viewOf(app) });
    return app;
  }
}

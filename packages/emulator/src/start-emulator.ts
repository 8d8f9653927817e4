import { ConnectionError } from "@cloud-messaging/core";
import { createCertificates } from "./certificates.ts";
import {
  createDevice,
  type DeviceOptions,
  type DeviceWorld,
  type EmulatedDevice,
  handleOf,
} from "./emulated-device.ts";
import { serviceRoutes } from "./doors.ts";
import { createEmulatorClock } from "./emulator-clock.ts";
import { createEventHub, type EmulatorEvents } from "./events.ts";
import { FaultScript, type Faults } from "./faults.ts";
import { type HttpServer, startHttpServer } from "./http-server.ts";
import { type Inbox, InboxStore } from "./inbox/store.ts";
import { DeviceGroups } from "./model/device-groups.ts";
import { DeviceRegistry } from "./model/devices.ts";
import { createServiceIds } from "./model/ids.ts";
import { PROFILES } from "./model/profile.ts";
import { CloudService } from "./model/service.ts";
import { UpstreamQueues } from "./model/upstream.ts";
import { type EmulatorOptions, resolveOptions } from "./schemas.ts";
import { type CcsServer, type EmulatedCcs, startCcsServer } from "./servers/ccs.ts";
import { createCredentials } from "./servers/credentials.ts";
import { SocketGuard } from "./socket-guard.ts";
import { createCounters, type EmulatorStats } from "./stats.ts";

/** The key that the ready-made options carry when any key is good. */
const DEFAULT_KEY = "AIza-EMULATOR";

/** A running emulator. */
export interface Emulator extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`: sending, device groups, Instance ID, the control API and the inbox. */
  readonly httpUrl: string;
  /** The same over TLS, HTTP/1.1 and HTTP/2; `undefined` when there is none. */
  readonly httpsUrl: string | undefined;
  /** The CA to trust. PEM. */
  readonly caCertificate: string;
  readonly ccs: EmulatedCcs;
  /** What arrived. */
  readonly inbox: Inbox;
  /** What should go wrong. */
  readonly faults: Faults;
  readonly events: EmulatorEvents;
  /** What was done so far. */
  readonly stats: EmulatorStats;
  /** Every app on every device. */
  readonly devices: readonly EmulatedDevice[];
  /** Spread into `createHttpSender`: where to send, and with which key. */
  httpOptions(): { endpoint: string; apiKey: string };
  /** Spread into `createCcsClient`: where to connect, whom to trust, who to be. */
  ccsOptions(): { host: string; port: number; ca: string; senderId: string; apiKey: string };
  /** @throws {InvalidOptionsError} naming the option. */
  createDevice(options?: DeviceOptions): EmulatedDevice;
  /** The device that a token belongs to. */
  deviceOf(token: string): EmulatedDevice | undefined;
  /** The service's time. Milliseconds since the epoch. */
  now(): number;
  /** Moves the service's time forward, at once: messages expire, throttled ones leave. Unit: milliseconds. */
  advance(byMs: number): void;
  /** Forgets devices, messages, groups and faults; connections stay. */
  reset(): void;
  /** Ends every connection and frees the ports. Every call returns the same promise. */
  close(): Promise<void>;
}

/**
 * Starts an emulator: HTTP, HTTPS and CCS over one device model, by default on free loopback ports.
 *
 * @throws {InvalidOptionsError} naming every option that is wrong.
 * @throws {ConnectionError} when a port cannot be had; it says which, and what to do.
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const settings = resolveOptions(options);
  const { host, clock: networkClock, random } = settings;
  const clock = createEmulatorClock(networkClock);
  const events = createEventHub();
  const counters = createCounters();
  const ids = createServiceIds(clock, random, settings.wideIds);
  const profile = PROFILES[settings.profile];
  const inbox = new InboxStore(events, settings.maxMessages);
  const faults = new FaultScript(events, random, () => networkClock.now());
  const { collapsible, nonCollapsible, perDevice } = settings.throttling;
  const registry = new DeviceRegistry({
    random,
    eviction: settings.eviction,
    storageLimit: settings.storageLimit,
    collapsible: collapsible || undefined,
    nonCollapsible: nonCollapsible || undefined,
    deviceRate: perDevice || undefined,
    maxDevices: settings.maxDevices,
  });
  const groups = new DeviceGroups(
    () => ids.notificationKey(),
    (token, senderId) => {
      const app = registry.byToken(token);
      return app !== undefined && (app.senderIds.size === 0 || app.senderIds.has(senderId));
    },
    settings.maxDevices,
  );
  const upstream = new UpstreamQueues({
    clock,
    networkClock,
    window: settings.ccs.upstreamWindow,
    resendMs: settings.ccs.upstreamResendMs,
    events,
    counters,
  });
  const service = new CloudService({
    clock,
    ids,
    profile,
    autoRegister: settings.autoRegister,
    uninstallDetectionDelayMs: settings.uninstallDetectionDelayMs,
    supersededLifetimeMs: settings.supersededLifetimeMs,
    defaultSenderId: settings.senderId,
    registry,
    groups,
    upstream,
    inbox,
    faults,
    events,
    counters,
  });
  const credentials = createCredentials(settings.apiKeys);
  const routes = serviceRoutes({
    service,
    registry,
    groups,
    inbox,
    faults,
    credentials,
    counters,
    events,
    ids,
    clock,
    settings,
  });
  const certificates = await createCertificates(settings.certificateNames);
  const onAnswer = (method: string, path: string, status: number): void => {
    counters.statuses[status] = (counters.statuses[status] ?? 0) + 1;
    events.emit({ type: "request", method, path, status });
  };

  const started: (HttpServer | CcsServer)[] = [];
  const listen = async <T extends HttpServer | CcsServer>(
    what: string,
    option: string,
    port: number,
    start: () => Promise<T>,
  ): Promise<T> => {
    try {
      const server = await start();
      started.push(server);
      return server;
    } catch (error) {
      await Promise.all(started.map((server) => server.close()));
      clock.close();
      throw portError(error, what, option, host, port);
    }
  };
  const http = await listen("HTTP", "httpPort", settings.httpPort, () =>
    startHttpServer(routes, {
      host,
      port: settings.httpPort,
      guard: new SocketGuard(),
      patienceMs: settings.patienceMs,
      onAnswer,
    }),
  );
  const { httpsPort, ccsPort } = settings;
  const https =
    httpsPort === false
      ? undefined
      : await listen("HTTPS", "httpsPort", httpsPort, () =>
          startHttpServer(routes, {
            host,
            port: httpsPort,
            tls: certificates,
            guard: new SocketGuard(),
            patienceMs: settings.patienceMs,
            onAnswer,
          }),
        );
  const ccs =
    ccsPort === false
      ? undefined
      : await listen("CCS", "ccsPort", ccsPort, () =>
          startCcsServer(
            {
              host,
              port: ccsPort,
              cert: certificates.cert,
              key: certificates.key,
              handshakeTimeoutMs: settings.patienceMs,
              keepAliveMs: settings.ccs.keepAliveMs,
            },
            {
              service,
              upstream,
              faults,
              credentials,
              counters,
              events,
              ids,
              clock: networkClock,
              lenientNumbers: settings.lenientNumbers,
              ...settings.ccs,
            },
          ),
        );

  const closers = new Set<() => void>();
  const world: DeviceWorld = {
    service,
    registry,
    ids,
    events,
    now: () => clock.now(),
    defaultSenderId: settings.senderId,
    onClose(run) {
      closers.add(run);
      return () => closers.delete(run);
    },
  };
  let deviceCount = 0;
  let closing: Promise<void> | undefined;
  const authority = urlHost(host);
  const firstKey = settings.apiKeys[0]?.key ?? DEFAULT_KEY;
  const keyFor = (senderId: string): string =>
    settings.apiKeys.find((entry) => entry.senderId === undefined || entry.senderId === senderId)?.key ?? firstKey;

  const emulator: Emulator = {
    httpUrl: `http://${authority}:${http.port}`,
    httpsUrl: https === undefined ? undefined : `https://${authority}:${https.port}`,
    caCertificate: certificates.ca,
    ccs: ccs ?? noCcs(host),
    inbox,
    faults,
    events,
    stats: counters,
    get devices() {
      return [...registry.apps()].map((app) => handleOf(world, app));
    },
    httpOptions: () => ({ endpoint: `http://${authority}:${http.port}/fcm/send`, apiKey: firstKey }),
    ccsOptions: () => ({
      host: connectHost(host),
      port: ccs?.port ?? 0,
      ca: certificates.ca,
      senderId: settings.senderId,
      apiKey: keyFor(settings.senderId),
    }),
    createDevice: (deviceOptions) => createDevice(world, ++deviceCount, deviceOptions),
    deviceOf(token) {
      const app = registry.byToken(token);
      return app === undefined ? undefined : handleOf(world, app);
    },
    now: () => clock.now(),
    advance(byMs) {
      clock.advance(byMs);
      events.emit({ type: "clock", now: clock.now() });
    },
    reset() {
      for (const app of [...registry.apps()]) {
        for (const { message } of app.storage.take()) message.cancelExpiry?.();
        registry.remove(app);
      }
      for (const group of [...groups.groups()]) {
        const key = group.keys.at(-1) as string;
        groups.remove(group.senderId, key, undefined, [...group.members]);
      }
      service.reset();
      faults.clear();
      inbox.reset();
      Object.assign(counters, createCounters());
      events.emit({ type: "reset" });
    },
    close() {
      closing ??= (async () => {
        inbox.close();
        for (const run of [...closers]) run();
        await Promise.all([http.close(), https?.close(), ccs?.close()]);
        service.reset();
        upstream.close();
        clock.close();
        events.close();
      })();
      return closing;
    },
    [Symbol.asyncDispose]: () => emulator.close(),
  };
  return emulator;
}

/** What to say when a port cannot be had. */
function portError(error: unknown, what: string, option: string, host: string, port: number): unknown {
  const { code } = error as { code?: string };
  const advice: Record<string, string> = {
    EADDRINUSE: `is taken by another program: stop that, or set ${option} to another port (0: any free one)`,
    EACCES: `may not be used by this user: set ${option} to a port from 1024 on (0: any free one)`,
    EADDRNOTAVAIL: "cannot be used: host is not an address of this machine",
    ENOTFOUND: "cannot be used: host is not known",
  };
  const why = code === undefined ? undefined : advice[code];
  return why === undefined
    ? error
    : new ConnectionError(`The emulator cannot listen for ${what}: port ${port} of ${host} ${why}`, { cause: error });
}

/** The address to connect to for one that was listened on. */
function connectHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

function urlHost(host: string): string {
  const name = connectHost(host);
  return name.includes(":") ? `[${name}]` : name;
}

/** What `emulator.ccs` is without a CCS port. */
function noCcs(host: string): EmulatedCcs {
  return {
    host,
    port: 0,
    connections: [],
    autoAck: true,
    drainAll() {},
    cutAll() {},
    ack: () => false,
    ackAll: () => 0,
    nack: () => false,
    waitForConnections: () =>
      Promise.reject(
        new ConnectionError("The emulator was started without CCS: leave ccsPort unset or give it a port"),
      ),
  };
}

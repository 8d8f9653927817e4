import { parseBoundedJson } from "@cloud-messaging/core/wire";
import type { Emulator } from "../emulator.ts";
import { liveEvents } from "../inbox/live.ts";
import { readState } from "../state/read-state.ts";
import { addressesFor } from "./asked-host.ts";
import { CallProblem, type ControlCall, done, ok, withBody } from "./call.ts";

/** Calls for the emulator as a whole: addresses, counters, time and state. */
export const EMULATOR_CALLS: readonly ControlCall[] = [
  {
    method: "GET",
    path: "/",
    summary: "Addresses of all ports and documents",
    run({ emulator, request }) {
      const { ccs, ...addresses } = addressesFor(request, emulator);
      return ok({
        ...addresses,
        ccs: { ...ccs, autoAck: emulator.ccs.autoAck },
        now: emulator.now(),
        messages: emulator.inbox.total,
        pruned: emulator.inbox.pruned,
        full: emulator.full ?? null,
      });
    },
  },
  {
    method: "GET",
    path: "/ca.pem",
    summary: "The certificate authority to trust",
    run: ({ emulator }) => ({ status: 200, contentType: "application/x-pem-file", body: emulator.caCertificate }),
  },
  {
    method: "GET",
    path: "/service-account",
    summary: "A throw-away service-account key, as the console would hand it out; its token_uri is the emulator",
    run({ emulator, request }) {
      const { http, https } = addressesFor(request, emulator);
      return ok({ ...emulator.fcm.serviceAccount(), token_uri: `${https ?? http}/token` });
    },
  },
  {
    method: "POST",
    path: "/service-account/revoke",
    summary: "Revokes the service-account keys given out: their grants are answered invalid_grant",
    run({ emulator }) {
      emulator.fcm.revokeServiceAccounts();
      return done();
    },
  },
  {
    method: "POST",
    path: "/access-tokens/expire",
    summary: "Every access token given out stops being good: 401",
    run({ emulator }) {
      emulator.fcm.expireTokens();
      return done();
    },
  },
  { method: "GET", path: "/settings", summary: "Quotas and tokens", run: ({ emulator }) => ok(settingsOf(emulator)) },
  withBody({
    method: "PATCH",
    path: "/settings",
    summary: "Changes quotas (null: no limit) and tokens",
    body: "settings",
    run({ emulator, body: { quotas = {}, fcm = {} } }) {
      const limits = Object.entries(quotas).filter(([, value]) => value !== undefined);
      for (const [name, value] of limits) {
        Object.assign(emulator.quotas, { [name]: value ?? Number.POSITIVE_INFINITY });
      }
      if (fcm.tokenLifetimeSec !== undefined) emulator.fcm.tokenLifetimeSec = fcm.tokenLifetimeSec;
      if (fcm.acceptForeignTokens !== undefined) emulator.fcm.acceptForeignTokens = fcm.acceptForeignTokens;
      return ok(settingsOf(emulator));
    },
  }),
  {
    method: "GET",
    path: "/stats",
    summary: "Counts of what was done so far",
    run: ({ emulator }) => ok(emulator.stats),
  },
  {
    method: "GET",
    path: "/events",
    summary: "Everything that happens, as server-sent events",
    run: ({ emulator }) => liveEvents(emulator.events),
  },
  { method: "GET", path: "/clock", summary: "The service's time", run: ({ emulator }) => ok({ now: emulator.now() }) },
  withBody({
    method: "POST",
    path: "/clock",
    summary: "Moves the service's time forward",
    body: "advance",
    run({ emulator, body }) {
      emulator.advance(body.advanceMs);
      return ok({ now: emulator.now() });
    },
  }),
  {
    method: "GET",
    path: "/state",
    summary: "The whole state, to be loaded again",
    run: ({ emulator }) => ok(emulator.saveState()),
  },
  {
    method: "PUT",
    path: "/state",
    summary: "Replaces the whole state by a saved one",
    rawBody: true,
    run({ emulator, request }) {
      emulator.loadState(readState(parseState(request.body)));
      return done();
    },
  },
  {
    method: "POST",
    path: "/reset",
    summary: "Forgets devices, messages, groups and faults; the clock stays as far ahead as it was moved",
    run({ emulator }) {
      emulator.reset();
      return ok({ now: emulator.now() });
    },
  },
];

/** Settings that can be changed at run time; `null` means no limit. */
function settingsOf({ quotas, fcm }: Emulator): unknown {
  const { tokenLifetimeSec, acceptForeignTokens } = fcm;
  return { quotas, fcm: { tokenLifetimeSec, acceptForeignTokens } };
}

/** Saved state as received. */
function parseState(text: string): unknown {
  try {
    return parseBoundedJson(text);
  } catch (error) {
    throw new CallProblem(400, `the body is not JSON: ${(error as Error).message}`);
  }
}

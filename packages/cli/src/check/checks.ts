import { readFileSync } from "node:fs";
import { AuthenticationError, isCloudMessagingError, subscribe, type TlsOptions } from "@cloud-messaging/core";
import { authorityOf, describeError, findEmulator, readEmulatorCa } from "@cloud-messaging/core/transport";
import { GCM_ENDPOINTS, type GcmEndpointName } from "@cloud-messaging/http-sender";
import type { Context } from "../context.ts";
import { UsageError } from "../exit-status.ts";
import { openCcs, openFcm, openGcm } from "../service/open-sender.ts";
import { type ConnectionValues, ccsAddressOf, emulatorIsNamed, timeoutMsOf, tlsOf } from "../service/settings.ts";
import { readCredential } from "./credential.ts";
import { type FarEnd, farEndOf, reach } from "./network.ts";
import { type CheckProblem, type Finding, failed, good, type Step, skipped } from "./problems.ts";

/** A check over one protocol: yields a finding for each step, as it is made. */
export type Check = (options: ConnectionValues, context: Context) => AsyncGenerator<Finding>;

const FCM_ENDPOINT = "https://fcm.googleapis.com";

/** Check of FCM HTTP v1. */
export async function* checkV1(options: ConnectionValues, context: Context): AsyncGenerator<Finding> {
  const atEmulator = options.endpoint === undefined && emulatorIsNamed();
  const credential = atEmulator
    ? { finding: skipped("credential", "CLOUD_MESSAGING_EMULATOR_HOST is set: no credential is used") }
    : await readCredential(options.credential);
  yield credential.finding;
  if (credential.finding.state === "failed") return;
  const { project: own, tokenUri } = credential as Partial<Awaited<ReturnType<typeof readCredential>>>;
  const urls = [
    ...(tokenUri === undefined ? [] : [new URL(tokenUri)]),
    httpEndpoint(options.endpoint ?? FCM_ENDPOINT, atEmulator),
  ];
  const reached = yield* reachAll(distinct(urls.map(farEndOf)), await trust(options, atEmulator), context);
  if (!reached) return yield* notMade("access token", "permission");

  const sender = await openFcm(options, context);
  let tokenFailure: string | undefined;
  const unsubscribe = subscribe("cloud-messaging:notice", ({ notice, detail }) => {
    if (notice === "access-token-failed") tokenFailure = detail;
  });
  try {
    const result = await sender.verifyCredentials({ signal: context.signal });
    if (tokenFailure !== undefined) {
      yield failed(
        "access token",
        /^authentication-failed/.test(tokenFailure) ? "key-refused" : "no-answer",
        tokenFailure,
      );
      return yield* notMade("permission");
    }
    yield atEmulator ? skipped("access token", "none is needed") : good("access token", "granted");
    if (result.kind === "valid") yield good("permission", "a message that is only validated was accepted");
    else yield failed("permission", refusalOf(result, options.project, own), result.detail);
  } finally {
    unsubscribe();
    await sender.close();
  }
}

/** Check of GCM HTTP. */
export async function* checkGcm(options: ConnectionValues, context: Context): AsyncGenerator<Finding> {
  const atEmulator = options.endpoint === undefined && emulatorIsNamed();
  const { endpoint = "fcm-legacy" } = options;
  const url = httpEndpoint(GCM_ENDPOINTS[endpoint as GcmEndpointName] ?? endpoint, atEmulator);
  const sender = await openGcm(options, context);
  try {
    yield good("credential", "a server key is given");
    if (!(yield* reachAll([farEndOf(url)], await trust(options, atEmulator), context)))
      return yield* notMade("permission");
    const result = await sender.verifyCredentials({ signal: context.signal });
    if (result.kind === "valid") yield good("permission", "a dry run was accepted");
    else yield failed("permission", result.kind === "invalid" ? "api-key-refused" : "no-answer", result.detail);
  } finally {
    await sender.close();
  }
}

/** Check of CCS. */
export async function* checkCcs(options: ConnectionValues, context: Context): AsyncGenerator<Finding> {
  const named = options.endpoint === undefined ? findEmulator(process, "ccs", "check") : undefined;
  const { host, port } = ccsAddressOf(options) ?? named ?? { host: "gcm.googleapis.com", port: 5235 };
  const tls = await trust(options, named !== undefined);
  const client = await openCcs(options, context);
  try {
    yield good("credential", "a sender ID and a server key are given");
    if (!(yield* reachAll([{ host, port, secure: true, http: false }], tls, context))) return yield* notMade("login");
    const limit = AbortSignal.any([context.signal, AbortSignal.timeout(timeoutMsOf(options))]);
    try {
      await client.ready({ signal: limit });
      yield good("login", `${options.senderId} is logged in`);
    } catch (error) {
      const problem = error instanceof AuthenticationError ? "login-refused" : "no-answer";
      yield failed("login", problem, isCloudMessagingError(error) ? error.message : describeError(error));
    }
  } finally {
    await client.close();
  }
}

async function* reachAll(
  farEnds: readonly FarEnd[],
  tls: TlsOptions | undefined,
  { clock }: Context,
): AsyncGenerator<Finding, boolean> {
  let reached = true;
  for (const farEnd of farEnds) {
    for (const finding of await reach(farEnd, { tls, clock })) {
      yield finding;
      // a wrong clock is a problem, and no reason to stop
      if (finding.state === "failed" && finding.step !== "clock") reached = false;
    }
  }
  return reached;
}

/** Authorities to trust: those of the option, or that of the emulator which the environment names. */
async function trust(options: ConnectionValues, atEmulator: boolean): Promise<TlsOptions | undefined> {
  const named = (process.env["CLOUD_MESSAGING_EMULATOR_CA_FILE"] ?? "") !== "";
  if (options.ca !== undefined || !atEmulator || !named) return tlsOf(options);
  return { ca: readEmulatorCa(process, (file) => readFileSync(file, "utf8")) };
}

async function* notMade(...steps: readonly Step[]): AsyncGenerator<Finding> {
  for (const step of steps) yield skipped(step, "not made: see above");
}

function distinct(farEnds: readonly FarEnd[]): readonly FarEnd[] {
  return [...new Map(farEnds.map((farEnd) => [authorityOf(farEnd), farEnd])).values()];
}

function httpEndpoint(address: string, atEmulator: boolean): URL {
  const emulator = atEmulator ? findEmulator(process, "http", "check") : undefined;
  const url = emulator === undefined ? address : `${emulator.secure ? "https" : "http"}://${emulator.authority}`;
  if (URL.canParse(url)) return new URL(url);
  throw new UsageError(`--endpoint must be a URL, not ${JSON.stringify(address)}`);
}

/** Texts of Google's errors; the status alone, PERMISSION_DENIED, is the same for all of them. */
const DISABLED = /has not been used in project|SERVICE_DISABLED|is disabled\. Enable it/i;
const FOREIGN_RESOURCE = /denied on resource|PROJECT_NOT_FOUND|knows no such project/i;

function refusalOf(
  { code, detail }: { readonly code: string; readonly detail: string },
  project: string | undefined,
  own: string | undefined,
): CheckProblem {
  if (DISABLED.test(detail)) return "api-disabled";
  const asked = project ?? own ?? process.env["GOOGLE_CLOUD_PROJECT"];
  if (code === "endpoint-gone") return "wrong-project";
  if (code === "permission-denied") {
    return FOREIGN_RESOURCE.test(detail) && own !== undefined && asked !== own ? "wrong-project" : "permission-missing";
  }
  return code === "authentication-failed" ? "key-refused" : "no-answer";
}

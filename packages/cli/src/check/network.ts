import { lookup } from "node:dns/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Clock, TlsOptions } from "@cloud-messaging/core";
import {
  authorityOf,
  connectionFailureCode,
  describeError,
  environmentProxy,
  hostInUrl,
  openTunnel,
  verifiedTls,
} from "@cloud-messaging/core/transport";
import { type CheckProblem, type Finding, failed, good, skipped } from "./problems.ts";

/** Far end to reach. */
export interface FarEnd {
  /** Name or address; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** True if it speaks HTTP, whose answers tell the time. */
  readonly http: boolean;
}

/** Settings of the connections. */
export interface NetworkParts {
  readonly tls: TlsOptions | undefined;
  readonly clock: Clock;
}

/** Longest wait of one step. Unit: milliseconds. */
const STEP_MS = 10_000;
/** Largest difference of clocks that does no harm. Unit: milliseconds. */
const MAX_SKEW_MS = 5 * 60_000;

/** Reads the far end of a URL. */
export function farEndOf(url: URL): FarEnd {
  const secure = url.protocol === "https:";
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port, secure, http: true };
}

/** Reaches a far end step by step: name, proxy, connection, TLS, clock. Ends at the first step that fails, but for the clock. */
export async function reach(farEnd: FarEnd, parts: NetworkParts): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const address = authorityOf(farEnd);
  let socket: Socket | undefined;
  try {
    const { host, port, secure } = farEnd;
    const proxy = environmentProxy(process.env, { host: hostInUrl(host), port, secure });
    if (proxy === undefined) {
      const { address: ip } = await step("name", "name-unknown", address, () => lookup(host));
      if (ip !== host) findings.push(good("name", `${host} is ${ip}`));
      socket = await step("connection", "not-reachable", address, () => open(farEnd));
      findings.push(good("connection", address));
    } else {
      findings.push(skipped("name", `the proxy resolves ${host}`));
      const { host: proxyHost } = new URL(proxy);
      socket = await step("proxy", "proxy-refused", `${address} by ${proxyHost}`, () => tunnel(proxy, address));
      findings.push(good("proxy", `${address} by ${proxyHost}`));
    }
    if (secure) {
      const plain = socket;
      socket = await step("tls", "tls-untrusted", address, () => secured(plain, host, parts.tls));
      findings.push(good("tls", `the certificate of ${host} is trusted`));
    }
    if (farEnd.http) findings.push(await clockOf(socket, farEnd, parts));
  } catch (error) {
    if (!(error instanceof StepFailure)) throw error;
    findings.push(error.finding);
  } finally {
    socket?.destroy();
  }
  return findings;
}

class StepFailure extends Error {
  readonly finding: Finding;

  constructor(finding: Finding) {
    super(finding.detail);
    this.finding = finding;
  }
}

async function step<T>(
  name: Parameters<typeof failed>[0],
  problem: CheckProblem,
  at: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new StepFailure(failed(name, name === "tls" ? tlsProblem(error) : problem, `${at}: ${describeError(error)}`));
  }
}

function tlsProblem(error: unknown): CheckProblem {
  const code = connectionFailureCode(error);
  if (code === "untrusted-certificate") return "tls-untrusted";
  return code === "wrong-protocol" ? "wrong-protocol" : "not-reachable";
}

function open({ host, port }: FarEnd): Promise<Socket> {
  return settled(connectTcp({ host, port }), "connect");
}

function secured(socket: Socket, host: string, tls: TlsOptions | undefined): Promise<Socket> {
  // an address is verified, and not sent as SNI
  return settled(connectTls({ socket, host, ...verifiedTls({ servername: host, ...tls }) }), "secureConnect");
}

/** Waits for a connection, at most `STEP_MS`. */
function settled(socket: Socket, event: "connect" | "secureConnect"): Promise<Socket> {
  return new Promise((resolve, reject) => {
    socket.setTimeout(STEP_MS, () => socket.destroy(new Error(`no answer within ${STEP_MS} ms`)));
    socket.once(event, () => resolve(socket));
    socket.on("error", reject);
    socket.once("close", () => reject(new Error("the far end closed the connection")));
  });
}

function tunnel(proxy: string, target: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    openTunnel(
      { http: httpRequest, https: httpsRequest },
      { proxy: new URL(proxy), target, timeoutMs: STEP_MS },
      (error, socket) => (socket === null ? reject(error) : resolve(socket.on("error", () => {}))),
    );
  });
}

/** Compares the clocks by the `Date` of an answer to a request without credentials. */
async function clockOf(socket: Socket, farEnd: FarEnd, { clock }: NetworkParts): Promise<Finding> {
  const date = await new Promise<string | undefined>((resolve) => {
    const request = httpRequest({
      createConnection: () => socket,
      method: "HEAD",
      path: "/",
      headers: { host: authorityOf(farEnd) },
    });
    request.once("response", (response) => {
      response.resume();
      resolve(response.headers.date);
    });
    request.once("error", () => resolve(undefined));
    request.end();
  });
  const theirs = Date.parse(date ?? "");
  if (Number.isNaN(theirs)) return skipped("clock", `${farEnd.host} does not tell its time`);
  const aheadMs = clock.now() - theirs;
  if (Math.abs(aheadMs) <= MAX_SKEW_MS)
    return good("clock", `within ${MAX_SKEW_MS / 60_000} minutes of ${farEnd.host}'s`);
  const minutes = Math.round(Math.abs(aheadMs) / 60_000);
  return failed("clock", "clock-skewed", `${minutes} minutes ${aheadMs > 0 ? "ahead of" : "behind"} ${farEnd.host}`);
}

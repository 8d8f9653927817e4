import { type HttpRequest, jsonAnswer, MAX_BODY_BYTES } from "@cloud-messaging/connection-server";
import { CloudMessagingError } from "@cloud-messaging/core";
import { parseBoundedJson } from "@cloud-messaging/core/wire";
import type { Emulator } from "../emulator.ts";
import type { EmulatorRoute } from "../emulator-http.ts";
import { DeviceQueueFullError } from "../model/device-upstream.ts";
import { readControlBody } from "./bodies.ts";
import { CallProblem, type ControlCall, ok } from "./call.ts";
import { CCS_CALLS } from "./ccs-calls.ts";
import { DEVICE_CALLS } from "./device-calls.ts";
import { EMULATOR_CALLS } from "./emulator-calls.ts";
import { FAULT_CALLS } from "./fault-calls.ts";
import { MESSAGE_CALLS } from "./message-calls.ts";
import { openApiDocument } from "./openapi.ts";
import { readQuery } from "./query.ts";

/** Subject of the control API. */
export interface ControlTarget {
  /** Returns the emulator; called per request, since the servers start before the emulator is complete. */
  readonly emulator: () => Emulator;
}

/** Maximum body size of a call with a saved state. Implementation limit. Unit: bytes. */
const MAX_STATE_BYTES = 256 * 1_048_576;

/** Calls of the control API. */
const CONTROL_CALLS: readonly ControlCall[] = [
  {
    method: "GET",
    path: "/openapi.json",
    summary: "This document",
    run: ({ emulator, request }) => ok(openApiDocument(CONTROL_CALLS, request.origin ?? emulator.httpUrl)),
  },
  ...EMULATOR_CALLS,
  ...DEVICE_CALLS,
  ...MESSAGE_CALLS,
  ...FAULT_CALLS,
  ...CCS_CALLS,
];

/** Routes of the control API, below `/emulator/v1`. Not served under Google hosts, nor to pages of other sites. */
export function controlRoutes(target: ControlTarget): EmulatorRoute[] {
  const below = (path: string): string[] =>
    path === "/" ? ["/emulator/v1", "/emulator/v1/"] : [`/emulator/v1${path}`];
  const all = CONTROL_CALLS.flatMap((call) => below(call.path).map((path) => ({ call, path })));
  return all.map(({ call, path }) => ({
    method: call.method,
    path,
    hosts: [],
    maxBodyBytes: call.path === "/state" ? MAX_STATE_BYTES : MAX_BODY_BYTES,
    handle(request) {
      try {
        return run(call, request, target);
      } catch (error) {
        if (error instanceof CallProblem) return jsonAnswer(error.status, { error: error.message });
        if (error instanceof DeviceQueueFullError) return jsonAnswer(409, { error: error.message });
        if (error instanceof CloudMessagingError) return jsonAnswer(400, { error: error.message });
        throw error;
      }
    },
  }));
}

function run(call: ControlCall, request: HttpRequest, target: ControlTarget): ReturnType<ControlCall["run"]> {
  const asked = readQuery(call.query ?? "none", request.query);
  if ("problems" in asked) return jsonAnswer(400, { error: "the query is not valid", problems: asked.problems });
  const input = { request, emulator: target.emulator(), query: asked.value };
  if (call.body === undefined) {
    // query parameters that the call does not accept
    if (call.rawBody === undefined && !/^\s*(\{\s*\})?\s*$/.test(request.body)) {
      throw new CallProblem(400, "this call takes no body");
    }
    return call.run({ ...input, body: undefined });
  }
  const read = readControlBody(call.body, parseBody(request.body));
  if ("problems" in read) return jsonAnswer(400, { error: "the body is not valid", problems: read.problems });
  return call.run({ ...input, body: read.body });
}

function parseBody(text: string): unknown {
  if (text.trim() === "") return {};
  try {
    return parseBoundedJson(text);
  } catch (error) {
    throw new CallProblem(400, `the body is not JSON: ${(error as Error).message}`);
  }
}

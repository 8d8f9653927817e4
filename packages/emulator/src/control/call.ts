import type { HttpAnswer, HttpRequest } from "@cloud-messaging/connection-server";
import { jsonAnswer } from "@cloud-messaging/connection-server";
import type { Emulator } from "../emulator.ts";
import type { EmulatorRoute } from "../emulator-http.ts";
import type { HttpStream } from "../inbox/live-streams.ts";
import type { BodyKind, ControlBody } from "./bodies.ts";
import type { MessageQuery, QueryKind } from "./query.ts";

/** Input of a call. */
export interface CallInput<Body = undefined> {
  readonly request: HttpRequest;
  readonly body: Body;
  readonly query: MessageQuery;
  readonly emulator: Emulator;
}

/** One call of the control API, for the router and the OpenAPI document. */
export interface ControlCall {
  readonly method: EmulatorRoute["method"];
  /** Path below `/emulator/v1`. */
  readonly path: string;
  readonly summary: string;
  /** Schema of the body; `run` receives the parsed body. */
  readonly body?: BodyKind;
  /** Body that `run` parses itself. */
  readonly rawBody?: true;
  /** Query parameters accepted. @defaultValue `none` */
  readonly query?: QueryKind;
  run(input: CallInput<unknown>): HttpAnswer | HttpStream;
}

/** Defines a call with a body, with the type of the body inferred. */
export function withBody<K extends BodyKind>(
  call: Omit<ControlCall, "body" | "run"> & {
    readonly body: K;
    run(input: CallInput<ControlBody<K>>): HttpAnswer | HttpStream;
  },
): ControlCall {
  return { ...call, run: (input) => call.run(input as CallInput<ControlBody<K>>) };
}

/** Error of a call, with its HTTP status. */
export class CallProblem extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Answers 200 with JSON. */
export const ok = (value: unknown): HttpAnswer => jsonAnswer(200, value);
/** Answers 204. */
export const done = (): HttpAnswer => ({ status: 204, body: "" });

import type { HttpAnswer, HttpRequest } from "@cloud-messaging/connection-server";
import { jsonAnswer } from "@cloud-messaging/connection-server";
import type { Emulator } from "../emulator.ts";
import type { EmulatorRoute } from "../emulator-http.ts";
import type { HttpStream } from "../inbox/live-streams.ts";
import type { BodyKind, ControlBody } from "../schemas.ts";
import type { MessageQuery, QueryKind } from "./query.ts";

/** What a call is made of when it is made. */
export interface CallInput<Body = undefined> {
  readonly request: HttpRequest;
  readonly body: Body;
  readonly query: MessageQuery;
  readonly emulator: Emulator;
}

/** One call of the control API, as the router and the OpenAPI document see it. */
export interface ControlCall {
  readonly method: EmulatorRoute["method"];
  /** Below `/emulator/v1`. */
  readonly path: string;
  readonly summary: string;
  /** The schema that its body is read with; the body comes to `run` as that schema gives it. */
  readonly body?: BodyKind;
  /** Body that `run` reads itself. */
  readonly rawBody?: true;
  /** Query that it takes. @defaultValue `none` */
  readonly query?: QueryKind;
  run(input: CallInput<unknown>): HttpAnswer | HttpStream;
}

/** A call with a body: gives `run` the body's type. */
export function withBody<K extends BodyKind>(
  call: Omit<ControlCall, "body" | "run"> & {
    readonly body: K;
    run(input: CallInput<ControlBody<K>>): HttpAnswer | HttpStream;
  },
): ControlCall {
  return { ...call, run: (input) => call.run(input as CallInput<ControlBody<K>>) };
}

/** A call that ends in an answer other than success. */
export class CallProblem extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** 200 with JSON. */
export const ok = (value: unknown): HttpAnswer => jsonAnswer(200, value);
/** 204. */
export const done = (): HttpAnswer => ({ status: 204, body: "" });

import { optionNames } from "../option-names.ts";
import type { CutFault, DrainFault, HttpFault, LoginFault, NextFault, RandomFault, RequestFault } from "./faults.ts";

const KIND = "an option of this fault";

/** Checks of the names of each kind of fault: with `token` misspelt, a fault would apply to every recipient. */
export const checkFaultNames = {
  next: optionNames<NextFault>(KIND, {
    to: true,
    token: true,
    endpoint: true,
    error: true,
    times: true,
    retryAfter: true,
    detail: true,
  }),
  random: optionNames<RandomFault>(KIND, { rate: true, error: true, endpoint: true }),
  request: optionNames<RequestFault>(KIND, {
    status: true,
    retryAfter: true,
    body: true,
    contentType: true,
    times: true,
    after: true,
    endpoint: true,
  }),
  http: optionNames<HttpFault>(KIND, {
    kind: true,
    accept: true,
    delayMs: true,
    streams: true,
    times: true,
    after: true,
    endpoint: true,
  }),
  cut: optionNames<CutFault>(KIND, { messages: true, beforeAck: true, accept: true, times: true }),
  drain: optionNames<DrainFault>(KIND, { messages: true, nack: true, times: true }),
  login: optionNames<LoginFault>(KIND, { kind: true, times: true }),
} as const;

import type { DownstreamMessage } from "../message/downstream.ts";
import { recipientsOf, type Target } from "../message/target.ts";
import { redactToken } from "../message/token.ts";
import { operationChannel, type SendOperation, summarize, type TargetKind, traced } from "../operations.ts";
import type { SendReport } from "../outcome/outcome.ts";
import type { AttemptOptions, DownstreamTransport } from "./downstream-transport.ts";

const sends = operationChannel("cloud-messaging:send");
const attempts = operationChannel("cloud-messaging:attempt");

/** Sends with all attempts, and publishes the send where somebody subscribes to it. */
export function tracedSend(
  transport: DownstreamTransport,
  message: DownstreamMessage,
  options: AttemptOptions,
): Promise<SendReport> {
  if (!sends.hasSubscribers) return transport.send(message, options);
  const operation = sendOperation(transport.name, message.target, options.sendId ?? "");
  const send = (): Promise<SendReport> => transport.send(message, { ...options, operation });
  return traced(sends, operation, send, ({ outcomes }) => summarize(outcomes));
}

/** Makes one attempt, and publishes it where somebody subscribes to attempts. @param attempt Its number, from 1. */
export function tracedAttempt(
  transport: DownstreamTransport,
  message: DownstreamMessage,
  options: AttemptOptions,
  attempt: number,
  sendId = options.sendId ?? "",
): Promise<SendReport> {
  if (!attempts.hasSubscribers) return transport.send(message, options);
  const operation = {
    transport: transport.name,
    sendId,
    attempt,
    recipients: recipientsOf(message.target).length,
    parent: options.operation,
  };
  const send = (): Promise<SendReport> => transport.send(message, { ...options, operation });
  return traced(attempts, operation, send, ({ outcomes }) => summarize(outcomes));
}

function sendOperation(transport: string, target: Target, sendId: string): SendOperation {
  const recipients = recipientsOf(target);
  const kind = targetKind(target);
  const [only] = recipients;
  const isDevice = kind === "token" || kind === "fid";
  return {
    transport,
    sendId,
    target: kind,
    recipients: recipients.length,
    ...(isDevice && only !== undefined && recipients.length === 1 ? { recipient: redactToken(only) } : {}),
  };
}

function targetKind(target: Target): TargetKind {
  if ("tokens" in target || "token" in target) return "token";
  if ("fid" in target) return "fid";
  if ("topic" in target) return "topic";
  return "condition" in target ? "condition" : "group";
}

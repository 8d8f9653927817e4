import type { FieldProblem } from "../errors.ts";
import type { Android } from "./android.ts";
import type { AndroidV2 } from "./android-v2.ts";
import { type Apns, apnsPushType } from "./apns.ts";
import type { Notification } from "./notification.ts";
import { MAX_PAYLOAD_BYTES, payloadBytes, utf8Bytes } from "./payload.ts";
import type { Webpush } from "./webpush.ts";

/** Most bytes of an APNs payload of push type `voip`. Source: docs/protocol/fcm-v1.md#limits */
const MAX_VOIP_PAYLOAD_BYTES = 5120;

/** The parts of a message that count towards its size. */
interface Sized {
  readonly data?: Readonly<Record<string, string>> | undefined;
  readonly notification?: Notification | undefined;
  readonly android?: Android | undefined;
  readonly androidV2?: AndroidV2 | undefined;
  readonly apns?: Apns | undefined;
  readonly webpush?: Webpush | undefined;
}

/**
 * The problems of a message whose single parts are small enough and whose whole is not. `data` by itself is measured elsewhere.
 *
 * Source: docs/protocol/fcm-v1.md#limits
 */
export function sizeProblems(message: Sized): FieldProblem[] {
  const { apns, notification, android, androidV2 } = message;
  const problems: FieldProblem[] = [];
  if (apns?.payload !== undefined) {
    const limit = apnsPushType(apns) === "voip" ? MAX_VOIP_PAYLOAD_BYTES : MAX_PAYLOAD_BYTES;
    const bytes = utf8Bytes(JSON.stringify(apns.payload));
    if (bytes > limit) {
      const problem = `has ${bytes} bytes of JSON in UTF-8; at most ${limit} are possible`;
      problems.push({ path: "apns.payload", problem });
    }
  }
  if (notification === undefined && android?.notification === undefined && androidV2 === undefined) return problems;
  const bytes = leastBytes(message);
  if (bytes > MAX_PAYLOAD_BYTES) {
    const counted = message.data === undefined ? "" : ", with data,";
    const problem = `has${counted} ${bytes} bytes of text in UTF-8; at most ${MAX_PAYLOAD_BYTES} are possible`;
    problems.push({ path: "notification", problem });
  }
  return problems;
}

/**
 * The bytes that count in any reading of the service's limit, for the platform that gets the fewest: keys and values of `data`, title and
 * body of the notification, as the blocks of the platforms replace them. The service counts more (names of fields, further
 * fields) by rules that it does not publish: what is over the limit here is over it there, and a message slightly below may still come
 * back as `message-too-big`.
 */
function leastBytes({ data, notification, android, androidV2, apns, webpush }: Sized): number {
  const dataBytes = payloadBytes(data ?? {});
  const shown = ({ title = notification?.title, body = notification?.body }: Shown = {}): number =>
    utf8Bytes(title ?? "") + utf8Bytes(body ?? "");
  const androidData = android?.data ?? androidV2?.data;
  // a background sync shows nothing
  const androidShown = androidV2?.backgroundSync === undefined;
  return Math.min(
    (androidData === undefined ? dataBytes : payloadBytes(androidData)) +
      (androidShown ? shown(android?.notification ?? androidV2?.remoteNotification?.notification) : 0),
    // an alert of its own takes the place of title and body
    dataBytes + (apns?.payload?.aps?.["alert"] === undefined ? shown() : 0),
    (webpush?.data === undefined ? dataBytes : payloadBytes(webpush.data)) + shown(textsOf(webpush?.notification)),
  );
}

interface Shown {
  readonly title?: string | undefined;
  readonly body?: string | undefined;
}

function textsOf({ title, body }: Readonly<Record<string, unknown>> = {}): Shown {
  return {
    // a value of another type is text of its own, of a length that is not known here
    title: title === undefined || typeof title === "string" ? title : "",
    body: body === undefined || typeof body === "string" ? body : "",
  };
}

/** Most bytes of payload per message. Source: docs/protocol/gcm-http.md#payload */
export const MAX_PAYLOAD_BYTES = 4096;
/** Most bytes of payload to a topic or condition. Source: docs/protocol/gcm-http.md#payload */
export const MAX_TOPIC_PAYLOAD_BYTES = 2048;
/** The payload's size as the service counts it: UTF-8 bytes of the keys and values of `data`; punctuation and options are free. */
export function payloadBytes(data: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const key of Object.keys(data)) bytes += utf8Bytes(key) + utf8Bytes(data[key] as string);
  return bytes;
}

/** The size of a text. Unit: bytes in UTF-8. */
export function utf8Bytes(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

/** Tells a data key that the service keeps for itself: `from`, `message_type`, anything that starts with `google` or `gcm`. */
export function isReservedDataKey(key: string): boolean {
  return key === "from" || key === "message_type" || key.startsWith("google") || key.startsWith("gcm");
}

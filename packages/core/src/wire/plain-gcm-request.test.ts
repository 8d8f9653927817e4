import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CcsDownstreamSchema } from "./ccs.ts";
import { GcmHttpRequestSchema } from "./gcm-http.ts";
import { isPlainGcmRequest } from "./plain-gcm-request.ts";

const mostly = <T, U>(good: fc.Arbitrary<T>, other: fc.Arbitrary<U>) =>
  fc.oneof({ weight: 12, arbitrary: good }, { weight: 1, arbitrary: other });
const texts = fc.dictionary(
  mostly(fc.constantFrom("title", "body", "icon", "sound", "badge", "body_loc_args"), fc.string()),
  mostly(fc.string(), fc.jsonValue()),
);
const field = (good: fc.Arbitrary<unknown>) => mostly(good, fc.jsonValue());
const request = fc.record(
  {
    to: field(fc.string()),
    registration_ids: field(fc.array(mostly(fc.string(), fc.jsonValue()), { maxLength: 3 })),
    message_id: field(fc.string()),
    priority: field(fc.string()),
    time_to_live: field(fc.oneof(fc.integer(), fc.double())),
    dry_run: field(fc.boolean()),
    delivery_receipt_requested: field(fc.boolean()),
    data: field(fc.dictionary(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("__proto__")), fc.jsonValue())),
    notification: field(texts),
  },
  { requiredKeys: [] },
);
const withAnother = fc.tuple(request, fc.constantFrom("fcm_options", "notification_key", "another"), fc.jsonValue());
/** JSON in which a number is beyond what JavaScript holds, and a name has a meaning of its own. */
const odd = fc.constantFrom(
  '{"time_to_live":1e999}',
  '{"__proto__":{"to":1},"to":"t"}',
  '{"data":{"__proto__":"x"},"to":"t"}',
  '{"notification":{"__proto__":"x","toString":"y"}}',
  '{"data":{"\\ud800":"half a character"}}',
  '{"constructor":"x"}',
);
const json = mostly(
  mostly(
    request,
    fc.oneof(
      withAnother.map(([fields, name, value]) => ({ ...fields, [name]: value })),
      fc.jsonValue(),
    ),
  ).map((value) => JSON.stringify(value)),
  odd,
);

describe("the quick check of a GCM request", () => {
  it("takes nothing that the schemas refuse or change", () => {
    let taken = 0;
    fc.assert(
      fc.property(json, (text) => {
        const value: unknown = JSON.parse(text);
        if (!isPlainGcmRequest(value)) return;
        taken++;
        expect(GcmHttpRequestSchema.safeParse(value)).toStrictEqual({ success: true, data: JSON.parse(text) });
        if (value["message_id"] === undefined) return;
        expect(CcsDownstreamSchema.safeParse(value)).toStrictEqual({ success: true, data: JSON.parse(text) });
      }),
      { numRuns: 400 },
    );
    expect(taken).toBeGreaterThan(40);
  });

  it.each([
    [{ to: "t", data: { a: "1", n: 7 }, priority: "high", time_to_live: 60, collapse_key: "k", dry_run: false }],
    [{ registration_ids: ["a", "b"], notification: { title: "t", body: "b", sound: "default", badge: "1" } }],
    [{ to: "t", message_id: "m-1", delivery_receipt_requested: true, data: {} }],
  ])("takes what nearly all requests are: %j", (value) => {
    expect(isPlainGcmRequest(value)).toBe(true);
  });
});

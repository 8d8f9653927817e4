import { describe, expectTypeOf, it } from "vitest";
import type { z } from "zod";
import type { Android, AndroidNotification, AndroidSchema } from "./android.ts";
import type { Apns, ApnsSchema } from "./apns.ts";
import type { ControlMessage, ControlMessageSchema } from "./control.ts";
import type {
  DownstreamMessage,
  DownstreamMessageInput,
  DownstreamMessageSchema,
  MessageContent,
  MessageContentSchema,
} from "./downstream.ts";
import type { JsonValue } from "./json.ts";
import type { Notification, NotificationSchema } from "./notification.ts";
import type { DeliveryReceipt, DeliveryReceiptSchema } from "./receipt.ts";
import type { UpstreamMessage, UpstreamMessageSchema } from "./upstream.ts";
import type { Webpush, WebpushSchema } from "./webpush.ts";

/** Input and output of a schema, as nobody is to change them. */
type Fixed<T> = [JsonValue] extends [T] ? T : FixedPart<T>; // JSON holds itself
type FixedPart<T> = T extends string | number | boolean | undefined ? T : { readonly [K in keyof T]: Fixed<T[K]> };
type Given<S extends z.ZodType> = Fixed<z.input<S>>;
type Checked<S extends z.ZodType> = Fixed<z.output<S>>;

// a type written by hand carries its fields' documentation into the editor of whoever uses the package; one derived from a schema does
// not. Here each is held to its schema, field by field.
describe("the documented types are what the schemas take and give", () => {
  it("of a downstream message", () => {
    expectTypeOf<Fixed<MessageContent>>().toEqualTypeOf<Given<typeof MessageContentSchema>>();
    expectTypeOf<Fixed<MessageContent>>().toEqualTypeOf<Checked<typeof MessageContentSchema>>();
    expectTypeOf<Fixed<DownstreamMessageInput>>().toEqualTypeOf<Given<typeof DownstreamMessageSchema>>();
    expectTypeOf<Fixed<DownstreamMessage>>().toEqualTypeOf<Checked<typeof DownstreamMessageSchema>>();
  });

  it("of its parts", () => {
    expectTypeOf<Fixed<Notification>>().toEqualTypeOf<Given<typeof NotificationSchema>>();
    expectTypeOf<Fixed<Android>>().toEqualTypeOf<Given<typeof AndroidSchema>>();
    expectTypeOf<Fixed<AndroidNotification>>().toEqualTypeOf<
      NonNullable<Given<typeof AndroidSchema>["notification"]>
    >();
    expectTypeOf<Fixed<Apns>>().toEqualTypeOf<Given<typeof ApnsSchema>>();
    expectTypeOf<Fixed<Webpush>>().toEqualTypeOf<Given<typeof WebpushSchema>>();
  });

  it("of what CCS hands over", () => {
    expectTypeOf<Fixed<UpstreamMessage>>().toEqualTypeOf<Checked<typeof UpstreamMessageSchema>>();
    expectTypeOf<Fixed<DeliveryReceipt>>().toEqualTypeOf<Checked<typeof DeliveryReceiptSchema>>();
    expectTypeOf<Fixed<ControlMessage>>().toEqualTypeOf<Checked<typeof ControlMessageSchema>>();
  });
});

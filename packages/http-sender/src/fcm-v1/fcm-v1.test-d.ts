import type { Sender } from "@cloud-messaging/core";
import type { DownstreamTransport } from "@cloud-messaging/core/transport";
import { describe, expectTypeOf, it } from "vitest";
import { createFcmSender, createFcmV1Transport, type FcmCredential, type FcmSenderOptions } from "../index.ts";

describe("FCM v1", () => {
  it("is the same Sender and the same transport as everything else", () => {
    expectTypeOf(createFcmSender).returns.toExtend<Sender>();
    expectTypeOf(createFcmV1Transport).returns.toExtend<DownstreamTransport>();
    expectTypeOf(createFcmSender).toBeCallableWith();
  });

  it("takes every kind of credential, and nothing else", () => {
    expectTypeOf<{ client_email: string; private_key: string }>().toExtend<FcmCredential>();
    expectTypeOf<{ clientEmail: string; privateKey: string }>().toExtend<FcmCredential>();
    expectTypeOf<"service-account.json">().toExtend<FcmCredential>();
    expectTypeOf<() => Promise<string>>().toExtend<FcmCredential>();
    expectTypeOf<() => Promise<{ token: string; expiresAt: number }>>().toExtend<FcmCredential>();
    expectTypeOf<{
      getAccessToken(): Promise<{ access_token: string; expires_in: number }>;
    }>().toExtend<FcmCredential>();
    // @ts-expect-error a key file without its key
    createFcmSender({ credential: { client_email: "a@b" } });
    // @ts-expect-error a server key is GCM's
    createFcmSender({ apiKey: "AIza" });
    // @ts-expect-error there is no HTTP/3
    createFcmSender({ httpVersion: "3" });
    expectTypeOf<FcmSenderOptions["quota"]>().toEqualTypeOf<
      false | { readonly perMinute?: number; readonly rampUpMs?: number } | undefined
    >();
  });

  it("takes an installation ID and the blocks of v1 in a message", () => {
    const sender = {} as Sender;
    expectTypeOf(sender.send).toBeCallableWith({
      target: { fid: "cTEST0123456789abcdefg" },
      android: { timeToLiveSec: 3.5, notification: { visibility: "secret" } },
      apns: { payload: { aps: { badge: 1 }, mine: [1] } },
      webpush: { link: "https://example.com/" },
    });
    // @ts-expect-error not a visibility
    void sender.send({ target: { token: "t" }, android: { notification: { visibility: "hidden" } } });
  });
});

import { describe, expect, it } from "vitest";
import type { HttpAnswer } from "../http/http-client.ts";
import { outcomesOf } from "./answer.ts";

const facts = { recipients: ["tok-a"], format: "json", secret: "AIza", now: 0, target: { token: "tok-a" } } as const;
const gone = (status: number): HttpAnswer => ({ kind: "answer", status, headers: {}, body: "", sentAt: 0 });

describe("an address that does not answer any more", () => {
  it.each([[404], [410]])(
    "%i from a Google host says that the service was switched off, and what to use instead",
    (status) => {
      const [outcome] = outcomesOf(gone(status), { ...facts, host: "fcm.googleapis.com" } as never);
      expect(outcome).toMatchObject({ kind: "rejected", code: "endpoint-gone" });
      expect(outcome).toHaveProperty("detail", expect.stringMatching(/switched off.*FCM HTTP v1.*emulator/));
    },
  );

  it("404 from anywhere else asks to check the endpoint", () => {
    const [outcome] = outcomesOf(gone(404), { ...facts, host: "gcm.example.com" } as never);
    expect(outcome).toHaveProperty("detail", expect.stringMatching(/gcm\.example\.com: check the endpoint/));
  });
});

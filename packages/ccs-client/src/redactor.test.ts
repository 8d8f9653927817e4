import { describe, expect, it } from "vitest";
import { createRedactor } from "./redactor.ts";

const redact = createRedactor("123@gcm.googleapis.com", "AIza-EXAMPLE");

describe("redacted text of a server", () => {
  it("contains neither the API key nor the SASL answer", () => {
    const answer = Buffer.from("\x0a3@gcm.googleapis.com\0AIza-EXAMPLE").toString("base64");
    expect(redact(`key AIza-EXAMPLE in ${answer} or ${answer.replace(/=+$/, "")}`)).not.toMatch(/AIza|AMTIzQ/);
  });

  it("has shortened tokens, and complete IDs and names", () => {
    const token = `${"T".repeat(60)}:APA91b-x`;
    expect(redact(`no ack for ${token}.`)).toBe("no ack for TTTTTT…-x.");
    const id = "m-6f1c2f9e-3c55-4f8e-9d1c-1f0a9be0a7c1";
    expect(redact(`${id} at fcm-xmpp.googleapis.com`)).toBe(`${id} at fcm-xmpp.googleapis.com`);
  });
});

import { describe, expect, it } from "vitest";
import { createSecretsFilter } from "./secrets.ts";

const withoutSecrets = createSecretsFilter("123@gcm.googleapis.com", "AIza-EXAMPLE");

describe("what a server says", () => {
  it("comes without the API key and the SASL answer that holds it", () => {
    const answer = Buffer.from("\x0a3@gcm.googleapis.com\0AIza-EXAMPLE").toString("base64");
    expect(withoutSecrets(`key AIza-EXAMPLE in ${answer} or ${answer.replace(/=+$/, "")}`)).not.toMatch(/AIza|AMTIzQ/);
  });

  it("comes with tokens shortened, and IDs and names whole", () => {
    const token = `${"T".repeat(60)}:APA91b-x`;
    expect(withoutSecrets(`no ack for ${token}.`)).toBe("no ack for TTTTTT…-x.");
    const id = "m-6f1c2f9e-3c55-4f8e-9d1c-1f0a9be0a7c1";
    expect(withoutSecrets(`${id} at fcm-xmpp.googleapis.com`)).toBe(`${id} at fcm-xmpp.googleapis.com`);
  });
});

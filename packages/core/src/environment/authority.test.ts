import { expect, it } from "vitest";
import { authorityOf } from "./authority.ts";

it.each([
  ["fcm.googleapis.com", "fcm.googleapis.com:5235"],
  ["127.0.0.1", "127.0.0.1:5235"],
  ["::1", "[::1]:5235"],
  ["2001:db8::7", "[2001:db8::7]:5235"],
])("the authority of %s is %s, which a URL can have", (host, authority) => {
  expect(authorityOf({ host, port: 5235 })).toBe(authority);
  expect(new URL(`xmpp://${authority}`).port).toBe("5235");
});

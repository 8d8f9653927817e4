import { expect, it } from "vitest";
import { isLoopback } from "./loopback.ts";

it.each([
  ["localhost", true],
  ["LocalHost", true],
  ["emulator.localhost", true],
  ["127.0.0.1", true],
  ["127.9.9.9", true],
  ["::1", true],
  ["[::1]", true],
  ["", false],
  ["0.0.0.0", false],
  ["::", false],
  ["[::]", false],
  ["10.0.0.1", false],
  ["127.0.0.1.example.com", false],
  ["localhost.example.com", false],
  ["notlocalhost", false],
  ["[::1]:8095", false],
  ["[localhost]", false],
])("%j is this machine itself: %s", (host, isThisMachine) => {
  expect(isLoopback(host)).toBe(isThisMachine);
});

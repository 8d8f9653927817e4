import { describe, expect, it } from "vitest";
import { readStorageUrl } from "./drivers.ts";

describe("the URL of a store", () => {
  const read = (url: string) => readStorageUrl(url, "--store", "CLOUD_MESSAGING_STORE_URL");

  it.each([
    ["lmdb:./data", { kind: "lmdb", path: "./data" }],
    ["lmdb:///var/lib/push", { kind: "lmdb", path: "/var/lib/push" }],
    ["postgres://db/push?schema=app", { kind: "postgres", address: "postgres://db/push", name: "app" }],
    [
      "postgresql://db/push?sslmode=verify-full",
      { kind: "postgres", address: "postgresql://db/push?sslmode=verify-full" },
    ],
    ["redis://db:6379/1?prefix=app", { kind: "redis", address: "redis://db:6379/1", name: "app" }],
    ["rediss://db", { kind: "redis", address: "rediss://db" }],
  ])("%s is read", (url, place) => {
    expect(read(url)).toEqual(place);
  });

  it.each(["mysql://db", "postgres://a:b/c:hunter2@db", "./data"])("%s is refused, and not repeated", (url) => {
    expect(() => read(url)).toThrow(/^--store must be an lmdb:, postgres: or redis: URL$/);
  });
});

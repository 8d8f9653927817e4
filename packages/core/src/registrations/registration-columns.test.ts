import { describe, expect, it } from "vitest";
import { NOT_STORED, registrationOfColumns, stateOfColumns } from "./registration-columns.ts";

describe("columns of a registration", () => {
  it("are read with every detail, from numbers and from their text", () => {
    const columns = [
      "7",
      "ada",
      "tok-a",
      "100",
      200,
      "android",
      "1.2",
      "pt-BR",
      '{"plan":"free"}',
      5,
      "150",
      "s",
      "2",
      160,
    ];
    expect(registrationOfColumns(columns)).toEqual({
      userId: "ada",
      token: "tok-a",
      registeredAt: 100,
      lastSeenAt: 200,
      platform: "android",
      appVersion: "1.2",
      locale: "pt-BR",
      attributes: { plan: "free" },
      revision: 5,
      acceptedAt: 150,
      suspicion: { sender: "s", refusals: 2, since: 160 },
    });
  });

  it("have no field for what is null", () => {
    const columns = ["7", "ada", "tok-a", "100", "200", null, null, null, null, "5", null, null, null, null];
    expect(registrationOfColumns(columns)).toEqual({
      userId: "ada",
      token: "tok-a",
      registeredAt: 100,
      lastSeenAt: 200,
      revision: "5",
    });
  });

  it("hold the state of a token at any position, or say that it is not stored", () => {
    expect(stateOfColumns(["tok-a", "5", "150", null, null, null], 1)).toEqual({ revision: "5", acceptedAt: 150 });
    expect(stateOfColumns(["tok-a", "5", null, "s", "1", "9"], 1)).toEqual({
      revision: "5",
      suspicion: { sender: "s", refusals: 1, since: 9 },
    });
    expect(stateOfColumns(["tok-a", null, null, null, null, null], 1)).toBe(NOT_STORED);
    expect(stateOfColumns(["tok-a"], 1)).toBe(NOT_STORED);
  });
});

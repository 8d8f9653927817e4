import { describe, expect, it } from "vitest";
import type { MessageContent } from "../message/downstream.ts";
import { encodeGcmOptions } from "./gcm-codec.ts";
import { decodeGcmData, decodeGcmOptions } from "./gcm-decode.ts";

describe("the GCM codec", () => {
  it("reads what it writes", () => {
    const content: MessageContent = {
      collapseKey: "k",
      priority: "high",
      contentAvailable: true,
      mutableContent: true,
      delayWhileIdle: true,
      timeToLiveSec: 0,
      dryRun: true,
      analyticsLabel: "l",
      data: { a: "1", __proto__x: "2" },
      notification: {
        title: "t",
        body: "b",
        subtitle: "s",
        image: "https://example.com/i.png",
        icon: "i",
        sound: "s",
        badge: 3,
        tag: "t",
        color: "#00ff00",
        clickAction: "c",
        androidChannelId: "n",
        notificationCount: 2,
        bodyLocKey: "bk",
        bodyLocArgs: ["x", "y"],
        titleLocKey: "tk",
        titleLocArgs: ["z"],
      },
    };
    const wire = JSON.parse(JSON.stringify(encodeGcmOptions(content))) as Record<string, unknown>;
    expect(decodeGcmOptions(wire)).toEqual(content);
    expect(encodeGcmOptions(decodeGcmOptions(wire))).toEqual(wire);
  });

  it.each([
    [
      { a: 1, b: true, c: null, d: { e: [1] }, f: "x" },
      { a: "1", b: "true", d: '{"e":[1]}', f: "x" },
    ],
    [
      { a: 1e21, b: -0, c: "null", d: undefined },
      { a: "1e+21", b: "0", c: "null" },
    ],
    [undefined, {}],
  ])("reads the values of data as text: %j", (data, text) => {
    expect(decodeGcmData(data)).toEqual(text);
  });

  it("keeps a data key named __proto__ an entry like any other", () => {
    const data = decodeGcmData(JSON.parse('{"__proto__":"x"}') as Record<string, unknown>);
    expect(Object.entries(data)).toEqual([["__proto__", "x"]]);
  });
});

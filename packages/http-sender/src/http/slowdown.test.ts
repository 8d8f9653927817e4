import { describe, expect, it } from "vitest";
import { createSlowdownDetector } from "./slowdown.ts";

describe("a service that slows down", () => {
  it("is noticed when answers have taken much longer than usual for a while", () => {
    const detector = createSlowdownDetector();
    for (let i = 0; i < 200; i++) expect(detector.observe(80)).toBe(false);
    const slow = Array.from({ length: 30 }, () => detector.observe(2_000));
    expect(slow[0]).toBe(false);
    expect(slow.at(-1)).toBe(true);
  });

  it("is not seen in one answer that was late, nor in a hiccup of our own", () => {
    const detector = createSlowdownDetector();
    for (let i = 0; i < 200; i++) detector.observe(5);
    expect(detector.observe(2_000)).toBe(false);
    for (let i = 0; i < 100; i++) expect(detector.observe(60)).toBe(false);
  });

  it("is not guessed at from the first answers, which pay for connecting", () => {
    const detector = createSlowdownDetector();
    for (let i = 0; i < 40; i++) expect(detector.observe(i < 20 ? 5 : 5_000)).toBe(false);
  });

  it("counts as usual again when it stays as slow", () => {
    const detector = createSlowdownDetector();
    for (let i = 0; i < 200; i++) detector.observe(100);
    for (let i = 0; i < 5_000; i++) detector.observe(1_000);
    expect(detector.observe(1_000)).toBe(false);
  });
});

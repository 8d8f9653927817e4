import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { soakOutbox } from "../../scripts/soak-outbox.mjs";

describe("an outbox whose workers are killed", () => {
  it("loses no recipient, and tells of each copy", async () => {
    const folder = mkdtempSync(join(tmpdir(), "outbox-kill-"));
    try {
      const report = await soakOutbox({
        engine: "embedded",
        location: join(folder, "outbox"),
        kills: 5,
        recipients: 20_000,
      });
      expect(report).toMatchObject({ problems: [], lost: 0 });
      expect(report.delivered + report.missing).toBe(20_000);
      expect(report.copies).toBeLessThanOrEqual(report.told);
      expect(report.storedBeforeKill).toBeGreaterThan(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

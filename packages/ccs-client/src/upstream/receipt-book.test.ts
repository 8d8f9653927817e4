import { createManualClock, type DeliveryReceipt } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { ReceiptBook } from "./receipt-book.ts";

const receipt = (originalMessageId: string): DeliveryReceipt => ({
  messageId: `dr2:${originalMessageId}`,
  from: "gcm.googleapis.com",
  originalMessageId,
  status: "MESSAGE_SENT_TO_DEVICE",
});
const sent = { recipient: "tok", sentAt: 1 };

describe("the receipt book", () => {
  it("joins a receipt to its message, before or after somebody waits for it", async () => {
    const book = new ReceiptBook(createManualClock());
    book.expect("m-1", sent, true);
    const waiting = book.wait("m-1", 1_000, undefined);
    book.arrived(receipt("m-1"));
    expect(await waiting).toEqual(receipt("m-1"));
    expect(await book.wait("m-1", 1_000, undefined)).toEqual(receipt("m-1"));
  });

  it("knows nothing of a message it did not see", async () => {
    const book = new ReceiptBook(createManualClock());
    book.arrived(receipt("m-9"));
    expect(book.sentFor(receipt("m-9"))).toBeUndefined();
    expect(await book.wait("m-9", 1_000, undefined)).toBeUndefined();
  });

  it("joins the receipt of a message to another device, though an earlier one under its ID never got its own", async () => {
    const book = new ReceiptBook(createManualClock());
    const later = { recipient: "tok-b", sentAt: 2 };
    book.expect("m-1", sent, true);
    book.expect("m-1", later, true);
    const arrived = { ...receipt("m-1"), deviceRegistrationId: "tok-b" };
    book.arrived(arrived);
    expect(book.sentFor(arrived)).toEqual(later);
    expect(await book.wait("m-1", 1_000, undefined)).toEqual(arrived);
  });

  it.each<
    [
      string,
      (parts: { clock: ReturnType<typeof createManualClock>; stop: AbortController; book: ReceiptBook }) => unknown,
    ]
  >([
    ["the time is up", ({ clock }) => clock.advance(1_000)],
    ["the signal aborts", ({ stop }) => stop.abort()],
    ["the book is closed", ({ book }) => book.close()],
  ])("stops waiting when %s, and leaves no timer", async (_, end) => {
    const clock = createManualClock();
    const book = new ReceiptBook(clock);
    const stop = new AbortController();
    book.expect("m-1", sent, true);
    const waiting = book.wait("m-1", 1_000, stop.signal);
    await end({ clock, stop, book });
    expect(await waiting).toBeUndefined();
    expect(clock.scheduled).toBe(0);
    expect(book.sentFor(receipt("m-1"))).toEqual(sent);
  });
});

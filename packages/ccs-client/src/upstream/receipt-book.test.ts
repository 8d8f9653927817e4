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
  it("resolves a wait with the receipt, whether it arrives before or after the wait begins", async () => {
    const book = new ReceiptBook(createManualClock());
    book.expect("m-1", sent, true);
    const waiting = book.wait("m-1", 1_000, undefined);
    book.arrived(receipt("m-1"));
    expect(await waiting).toEqual(receipt("m-1"));
    expect(await book.wait("m-1", 1_000, undefined)).toEqual(receipt("m-1"));
  });

  it("resolves with undefined for a message that it does not know", async () => {
    const book = new ReceiptBook(createManualClock());
    book.arrived(receipt("m-9"));
    expect(book.sentFor(receipt("m-9"))).toBeUndefined();
    expect(await book.wait("m-9", 1_000, undefined)).toBeUndefined();
  });

  it("correlates a receipt by device when a message ID was reused for another device", async () => {
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

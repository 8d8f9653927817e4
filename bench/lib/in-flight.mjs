// Keeps a number of sends under way until all are done; what each resolves with is summed.
export async function inFlight(total, width, sendOne) {
  let next = 0;
  let sum = 0;
  const worker = async () => {
    while (next < total) {
      next++;
      const done = await sendOne(); // apart: `sum +=` would read the sum before it waits
      sum += done;
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, total) }, worker));
  return sum;
}

/** A contestant that sends one message per call, so many of them at once. `sendOne` resolves with 1 for an accepted message. */
export const oneByOne = (width, sendOne, close) => ({
  sendOne,
  send: (messages) => inFlight(messages, width, sendOne),
  close,
});

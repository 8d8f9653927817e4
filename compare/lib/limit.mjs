/**
 * Wall limit of one client under one fault. The longest that a client of the comparison takes and still settles is about two minutes
 * (node-gcm: six attempts of 15 seconds and 31 seconds of back-off): what has not settled after twice that counts as hung.
 * Unit: milliseconds.
 */
export const LIMIT_MS = 240_000;

/** Longest time to live: four weeks, which is also what the service takes when none is given. Unit: seconds. */
export const MAX_TIME_TO_LIVE_SEC = 2_419_200;

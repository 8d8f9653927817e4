/** Report of a soak: counts, and everything that was wrong in words. */
export interface SoakReport {
  readonly recipients: number;
  readonly kills: number;
  readonly lost: number;
  readonly copies: number;
  readonly told: number;
  /** Recipients in doubt that never arrived: their workers were killed between the mark and the request. */
  readonly missing: number;
  readonly inFlight: number;
  readonly received: number;
  readonly delivered: number;
  readonly storedBeforeKill: number;
  readonly seconds: number;
  readonly problems: readonly string[];
}
export function soakOutbox(settings: {
  readonly engine: string;
  readonly location: string;
  readonly kills: number;
  readonly recipients: number;
  readonly log?: (line: string) => void;
}): Promise<SoakReport>;

/** What was found of one segment. */
export interface SegmentFinding {
  readonly number: number;
  readonly generation: number;
  /** `"damaged"`: the page was not whole, and was made up from the first frame. */
  readonly header: "whole" | "damaged";
  /** `"missing"`: the process ended before it could write it; the next start does. */
  readonly footer: "whole" | "missing" | "damaged";
  readonly records: number;
  /** Values that the segment's records name, dead ones as well. */
  readonly values: number;
  readonly valueBytes: number;
  /** Values whose bytes are not those that were written. */
  readonly damagedValues: number;
  readonly damagedBytes: number;
  /** Frames whose header is not whole; with a whole footer nothing is lost by it. */
  readonly damagedFrames: number;
  /** Whether what is not whole are the last writes before the process ended. */
  readonly torn: boolean;
  /** Where the frames end, in bytes. */
  readonly end: number;
}

/** Whether blocks were lost, other than the last writes of a process that ended. */
export function hasLosses({ footer, torn, ...found }: SegmentFinding): boolean {
  return !torn && (found.damagedValues > 0 || (footer !== "whole" && found.damagedFrames > 0));
}

/** Whether there is something to repair, other than what the next start does by itself. */
export function isDamaged(finding: SegmentFinding): boolean {
  return finding.header === "damaged" || finding.footer === "damaged" || hasLosses(finding);
}

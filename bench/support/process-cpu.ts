import { readFileSync } from "node:fs";

const ticksPerSecond = 100;

/**
 * CPU seconds that a process has used in all its threads, in steps of 10 ms: for measurements of a
 * second or more. The load program measures short trials itself, to the nanosecond.
 */
export function processCpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

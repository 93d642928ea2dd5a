import { formatCount } from "../../util/units.ts";

/** `1 block`, `2,000 blocks`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

import { KeepwarmError } from "../errors.ts";

/** The whole number that a flag was given. */
export function parseCount(text: string, flag: string, min = 0): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count >= min) return count;
  throw new KeepwarmError("INPUT_INVALID", `${flag} ${JSON.stringify(text)} is no count`, {
    remedy: `Write a whole number of at least ${min}.`,
  });
}

import { z } from "zod";
import { parseBytes, parseDuration } from "../util/units.ts";

/** A size: `"8GiB"` or a number of bytes; the value is bytes. */
export function bytes(description: string) {
  return measured(parseBytes).describe(`${description} A size such as "64KiB" or "8GiB".`);
}

/** A duration: `"30s"` or a number of milliseconds; the value is milliseconds. */
export function duration(description: string) {
  return measured(parseDuration).describe(`${description} A duration such as "500ms" or "30s".`);
}

/** A whole number from `min` to `max`, written as a number or, from the environment, as digits. */
export function integer(min: number, max: number, description: string) {
  return z
    .union([z.number(), z.string()], { error: "must be a whole number" })
    .transform((value, context) => {
      const number = typeof value === "string" && /^-?\d+$/.test(value.trim()) ? +value : value;
      if (typeof number === "number" && Number.isInteger(number) && number >= min && number <= max)
        return number;
      context.addIssue({ code: "custom", message: `must be a whole number, ${min} to ${max}` });
      return z.NEVER;
    })
    .describe(description);
}

/** A port to listen on, 0 for any free one, or `"off"`. */
export function portOrOff(description: string) {
  return z
    .union([z.number(), z.string()], { error: 'must be a port, or "off"' })
    .transform((value, context) => {
      const port = typeof value === "string" && /^\d+$/.test(value.trim()) ? +value : value;
      if (port === "off" || (Number.isInteger(port) && +port >= 0 && +port <= 65_535))
        return port as number | "off";
      context.addIssue({ code: "custom", message: 'must be a port, 0 to 65535, or "off"' });
      return z.NEVER;
    })
    .describe(`${description} 0 picks a free one, "off" none.`);
}
const words: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  "1": true,
  false: false,
  no: false,
  off: false,
  "0": false,
};

/** A yes or no: a boolean, or one of true, yes, on, 1, false, no, off, 0. */
export function flag(description: string) {
  return z
    .union([z.boolean(), z.string()], { error: "must be true or false" })
    .transform((value, context) => {
      const answer = typeof value === "string" ? words[value.toLowerCase()] : value;
      if (answer !== undefined) return answer;
      context.addIssue({ code: "custom", message: "must be true or false" });
      return z.NEVER;
    })
    .describe(description);
}

/** One of a few words. */
export function choice<const T extends readonly [string, ...string[]]>(
  options: T,
  description: string,
) {
  return z
    .enum(options, { error: `must be one of ${options.map((o) => `"${o}"`).join(", ")}` })
    .describe(description);
}

export function text(description: string) {
  return z.string({ error: "must be a text (put it in quotes)" }).describe(description);
}

/** A setting that the design has and this version does not: only `value` is accepted. */
export function notYet<const T extends string>(value: T, what: string) {
  return z
    .literal(value, { error: `${what} is not in this version yet: leave it out, or "${value}"` })
    .default(value as never)
    .describe(`Reserved: ${what} is not in this version yet.`);
}

function measured(parse: (value: string | number) => number) {
  return z
    .union([z.number(), z.string()], { error: "must be a number with a unit" })
    .transform((value, context) => {
      try {
        return parse(value);
      } catch (error) {
        context.addIssue({ code: "custom", message: (error as Error).message });
        return z.NEVER;
      }
    });
}

import { KeepwarmError } from "../../errors.ts";

const max = 0xffff_ffff;

/**
 * Token ids from text: a JSON array, or numbers with commas or white space between them.
 *
 * @param origin what the text is from, for messages
 * @throws KeepwarmError `INPUT_INVALID` that names the first item that is no token id.
 */
export function parseTokens(text: string, origin: string): Uint32Array {
  const trimmed = text.trim();
  const items = trimmed.startsWith("[")
    ? jsonItems(trimmed, origin)
    : trimmed.split(/\s*,\s*|\s+/).filter((item, _, { length }) => item !== "" || length > 1);
  const tokens = new Uint32Array(items.length);
  for (const [index, item] of items.entries()) {
    const token = typeof item === "string" && item.trim() !== "" ? Number(item) : item;
    if (typeof token !== "number" || !Number.isInteger(token) || token < 0 || token > max)
      throw new KeepwarmError(
        "INPUT_INVALID",
        `item ${index} of ${origin} is ${JSON.stringify(item)}, which is no token id`,
        { remedy: `Token ids are whole numbers from 0 to ${max}.` },
      );
    tokens[index] = token;
  }
  return tokens;
}

function jsonItems(text: string, origin: string): unknown[] {
  try {
    return JSON.parse(text) as unknown[];
  } catch (cause) {
    throw new KeepwarmError("INPUT_INVALID", `${origin} is no JSON: ${(cause as Error).message}`, {
      cause,
      remedy: "Write a JSON array of numbers, or numbers with commas or white space between them.",
    });
  }
}

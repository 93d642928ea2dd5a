const zero = 48;
const nine = 57;
const minus = 45;
const plus = 43;

/**
 * The decimal integer in `bytes[start, end)`: a number, or a bigint beyond 2^53. Undefined when it
 * is none. Works on the bytes, since every header of a reply holds one.
 */
export function parseInteger(
  bytes: Uint8Array,
  start: number,
  end: number,
): number | bigint | undefined {
  const sign = bytes[start] === minus || bytes[start] === plus ? 1 : 0;
  const first = start + sign;
  if (first >= end || end - first > 20) return undefined;
  let value = 0;
  for (let at = first; at < end; at++) {
    const digit = bytes[at];
    if (digit < zero || digit > nine) return undefined;
    value = value * 10 + (digit - zero);
  }
  if (value > Number.MAX_SAFE_INTEGER) {
    const big = BigInt(Buffer.from(bytes.subarray(first, end)).toString("latin1"));
    return bytes[start] === minus ? -big : big;
  }
  return bytes[start] === minus && value !== 0 ? -value : value;
}

const doubles: Readonly<Record<string, number>> = {
  inf: Infinity,
  "+inf": Infinity,
  "-inf": -Infinity,
  nan: NaN,
  "-nan": NaN,
};

/** A RESP3 double, or nothing. */
export function parseDouble(text: string): number | undefined {
  if (/^[+-]?\d+(\.\d*)?(e[+-]?\d+)?$/i.test(text)) return Number(text);
  return doubles[text.toLowerCase()];
}

/** A RESP3 big number, or nothing. */
export function parseBigNumber(text: string): bigint | undefined {
  return /^[+-]?\d+$/.test(text) ? BigInt(text.replace(/^\+/, "")) : undefined;
}

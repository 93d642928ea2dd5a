const BLANKS = new Set([0x20, 0x09, 0x0d, 0x0a, 0x00]);
const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const X = 0x78;
const escapes = new Map([
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x62, 0x08],
  [0x61, 0x07],
]);

/**
 * The words of an inline request in `buffer[start, end)`: separated by blanks, `"…"` with `\n`, `\xHH`
 * and the like, `'…'` with `\'`. `undefined` when quotes do not match.
 */
export function splitInline(buffer: Buffer, start: number, end: number): Buffer[] | undefined {
  const words: Buffer[] = [];
  let at = start;
  for (;;) {
    while (at < end && BLANKS.has(buffer[at])) at++;
    if (at >= end) return words;
    const word: number[] = [];
    while (at < end && !BLANKS.has(buffer[at])) {
      const quote = buffer[at];
      if (quote !== QUOTE && quote !== APOSTROPHE) {
        word.push(quote);
        at++;
        continue;
      }
      const after = readQuoted(buffer, at + 1, end, quote, word);
      if (after < 0 || (after < end && !BLANKS.has(buffer[after]))) return undefined;
      at = after;
    }
    words.push(Buffer.from(word));
  }
}

/** Appends what stands between quotes to `word`; returns the place after the closing one, or -1. */
function readQuoted(
  buffer: Buffer,
  from: number,
  end: number,
  quote: number,
  word: number[],
): number {
  for (let at = from; at < end; at++) {
    const byte = buffer[at];
    if (byte === quote) return at + 1;
    if (byte !== BACKSLASH || at + 1 >= end) {
      word.push(byte);
      continue;
    }
    const next = buffer[at + 1];
    if (quote === APOSTROPHE) {
      if (next === APOSTROPHE) at++;
      word.push(buffer[at]);
      continue;
    }
    const hex = next === X && at + 3 < end ? buffer.toString("latin1", at + 2, at + 4) : "";
    if (/^[0-9a-f]{2}$/i.test(hex)) {
      word.push(Number.parseInt(hex, 16));
      at += 3;
    } else {
      word.push(escapes.get(next) ?? next);
      at++;
    }
  }
  return -1;
}

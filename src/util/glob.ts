const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const BACKSLASH = 0x5c;
const CARET = 0x5e;
const DASH = 0x2d;

/**
 * A test for Redis's glob patterns over bytes: `*`, `?`, `[abc]`, `[^a]`, `[a-z]`, and `\` before a
 * character that stands for itself.
 */
export function compileGlob(pattern: Uint8Array | string): (text: Uint8Array) => boolean {
  const bytes = typeof pattern === "string" ? Buffer.from(pattern) : Buffer.from(pattern);
  if (bytes.length === 1 && bytes[0] === STAR) return () => true;
  return (text) => matches(bytes, text);
}

/** Greedy with one point of return: the last `*`. Linear in practice, at worst pattern × text. */
function matches(pattern: Uint8Array, text: Uint8Array): boolean {
  let p = 0;
  let t = 0;
  let starAt = -1;
  let starText = 0;
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === STAR) {
      starAt = p++;
      starText = t;
      continue;
    }
    const after = p < pattern.length ? matchOne(pattern, p, text[t]) : -1;
    if (after >= 0) {
      p = after;
      t++;
    } else if (starAt >= 0) {
      p = starAt + 1;
      t = ++starText;
    } else return false;
  }
  while (p < pattern.length && pattern[p] === STAR) p++;
  return p === pattern.length;
}

/** The place after the pattern element at `p` when it accepts `byte`, else -1. */
function matchOne(pattern: Uint8Array, p: number, byte: number): number {
  const element = pattern[p];
  if (element === QUESTION) return p + 1;
  if (element === OPEN) return matchClass(pattern, p + 1, byte);
  if (element === BACKSLASH && p + 1 < pattern.length) return pattern[p + 1] === byte ? p + 2 : -1;
  return element === byte ? p + 1 : -1;
}

function matchClass(pattern: Uint8Array, from: number, byte: number): number {
  let p = from;
  const negated = pattern[p] === CARET;
  if (negated) p++;
  let found = false;
  while (p < pattern.length && pattern[p] !== CLOSE) {
    if (pattern[p] === BACKSLASH && p + 1 < pattern.length) p++;
    let low = pattern[p];
    let high = low;
    if (pattern[p + 1] === DASH && p + 2 < pattern.length && pattern[p + 2] !== CLOSE) {
      high = pattern[p + 2];
      p += 2;
      if (low > high) [low, high] = [high, low];
    }
    if (byte >= low && byte <= high) found = true;
    p++;
  }
  return found !== negated ? Math.min(p + 1, pattern.length) : -1;
}

/** One request as its words, or the point where the input broke the protocol. */
export type Outcome = { readonly words: readonly Buffer[] } | { readonly broken: true };

const MOST_ARGUMENTS = 1024 * 1024;
const LONGEST = 512 * 1024 ** 2;

/**
 * What a plain reading of the grammar makes of whole `input`: slow, obvious, and written without a look
 * at the decoder. Stops where the input ends, breaks the protocol, or has an inline request.
 */
export function readRequests(input: Buffer): Outcome[] {
  const outcomes: Outcome[] = [];
  let at = 0;
  const number = (): number | undefined | "broken" => {
    const end = input.indexOf("\r\n", at);
    const line = input.toString("latin1", at, end < 0 ? input.length : end);
    if (end < 0) return /^-?\d*\r?$/.test(line) && line.length <= 32 ? undefined : "broken";
    at = end + 2;
    return /^-?\d{1,15}$/.test(line) ? Number(line) : "broken";
  };
  while (at < input.length) {
    if (input[at] !== 0x2a) return outcomes;
    at++;
    const count = number();
    if (count === undefined) return outcomes;
    if (count === "broken" || count > MOST_ARGUMENTS) return [...outcomes, { broken: true }];
    const words: Buffer[] = [];
    while (words.length < count) {
      if (at >= input.length) return outcomes;
      if (input[at] !== 0x24) return [...outcomes, { broken: true }];
      at++;
      const length = number();
      if (length === undefined) return outcomes;
      if (length === "broken" || length < 0 || length > LONGEST)
        return [...outcomes, { broken: true }];
      if (at + length + 2 > input.length) return outcomes;
      if (input.toString("latin1", at + length, at + length + 2) !== "\r\n")
        return [...outcomes, { broken: true }];
      words.push(input.subarray(at, at + length));
      at += length + 2;
    }
    if (count > 0) outcomes.push({ words });
  }
  return outcomes;
}

/** Token ids that are always the same for the same seed. */
export function tokensOf(seed: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => 1 + ((at * at * 31 + at * 7 + seed * 131) % 290));
}

/** As many different prompts, the first of 100 tokens, each one token longer than the one before. */
export function manyPrompts(count: number): number[][] {
  return Array.from({ length: count }, (_, seed) => tokensOf(seed, 100 + seed));
}

// The life of a prompt's chain of blocks: store what was computed, ask how much of a longer prompt
// is there, read that much, compute only the rest.
import { createHash } from "node:crypto";
import { RamStore } from "keepwarm";

const CHUNK_TOKENS = 256;

/** One key per whole chunk; each depends on all tokens before it. */
function chainOf(tokens: readonly number[]): string[] {
  const keys: string[] = [];
  let before = "";
  for (let end = CHUNK_TOKENS; end <= tokens.length; end += CHUNK_TOKENS) {
    const chunk = tokens.slice(end - CHUNK_TOKENS, end).join();
    before = createHash("sha256").update(before).update(chunk).digest("hex");
    keys.push(`demo-model/${before}`);
  }
  return keys;
}

const computeBlock = (): Uint8Array => new Uint8Array(1024 ** 2);
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

const store = new RamStore({ capacityBytes: 128 * 1024 ** 2 });
const firstPrompt = chainOf(range(2048));
await store.put(firstPrompt.map((key) => ({ key, value: computeBlock() })));

const longerPrompt = chainOf(range(4096));
const hit = await store.match(longerPrompt);
const blocks = await store.get(longerPrompt.slice(0, hit));
try {
  console.log(`${hit} of ${longerPrompt.length} chunks need no computing`);
  console.log(`${blocks.reduce((sum, block) => sum + (block?.bytes.length ?? 0), 0)} bytes read`);
} finally {
  for (const block of blocks) block?.release();
}
await store.close();

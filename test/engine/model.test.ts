import fc from "fast-check";
import { expect, test } from "vitest";
import { KvEngine } from "../../src/engine/kv-engine.ts";
import { RamStore } from "../../src/tiers/ram-store.ts";
import { namespace } from "./support.ts";

const chunkSize = 3;

/** Says what an engine must know: a set of stored prefixes. */
class Model {
  readonly #stored = new Set<string>();

  store(tokens: readonly number[], tails: readonly number[]): void {
    for (let end = chunkSize; end <= tokens.length; end += chunkSize) this.#add(tokens, end);
    for (const end of tails)
      if (end % chunkSize !== 0 && end <= tokens.length) this.#add(tokens, end);
  }

  drop(tokens: readonly number[], from: number): void {
    for (let end = 1; end <= tokens.length; end++) {
      const start = end - (end % chunkSize || chunkSize);
      const goes = end % chunkSize === 0 ? start >= from : end > from;
      if (goes) this.#stored.delete(tokens.slice(0, end).join());
    }
  }

  prefix(tokens: readonly number[]): number {
    let whole = 0;
    while (whole + chunkSize <= tokens.length && this.#has(tokens, whole + chunkSize))
      whole += chunkSize;
    for (let end = Math.min(whole + chunkSize - 1, tokens.length); end > whole; end--)
      if (this.#has(tokens, end)) return end;
    return whole;
  }

  #add(tokens: readonly number[], end: number): void {
    this.#stored.add(tokens.slice(0, end).join());
  }

  #has(tokens: readonly number[], end: number): boolean {
    return this.#stored.has(tokens.slice(0, end).join());
  }
}

const prompt = fc.array(fc.constantFrom(1, 2), { maxLength: 8 });
const step = fc.oneof(
  fc.record({
    kind: fc.constant("store"),
    tokens: prompt,
    at: fc.array(fc.nat(8), { maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant("find"), tokens: prompt, at: fc.constant([]) }),
  fc.record({
    kind: fc.constant("drop"),
    tokens: prompt,
    at: fc.array(fc.nat(8), { maxLength: 1 }),
  }),
);

test("an engine knows what a list of prefixes knows", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const store = new RamStore({ capacityBytes: 4 * 1024 ** 2 });
      const engine = await KvEngine.open({ store, namespace, chunkSize });
      const model = new Model();
      for (const { kind, tokens, at } of steps)
        if (kind === "store") {
          const tails = [...at, tokens.length];
          await engine.store(tokens, ({ end }) => Buffer.from(tokens.slice(0, end)), { tails });
          model.store(tokens, tails);
        } else if (kind === "drop") {
          await engine.drop(tokens, { from: at[0] ?? 0 });
          model.drop(tokens, at[0] ?? 0);
        } else {
          const prefix = model.prefix(tokens);
          expect(await engine.lookup(tokens)).toMatchObject({ prefixTokens: prefix });
          using found = await engine.retrieve(tokens);
          expect(found.prefixTokens).toBe(prefix);
          for (const { end, bytes } of found.chunks)
            expect([...bytes]).toEqual(tokens.slice(0, end));
        }
      await store.close();
    }),
    { numRuns: 150 },
  );
});

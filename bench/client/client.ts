/** A client under measurement. */
export interface BenchClient {
  /** Stores each value under the key at its index. */
  set(keys: readonly string[], values: readonly Buffer[]): Promise<void>;
  /** Reads the values of the keys; each is shown to `check` and may be reused afterwards. */
  get(keys: readonly string[], check: (index: number, value: Uint8Array) => void): Promise<void>;
  close(): Promise<void>;
}

export interface ClientMaker {
  /** Name in the report. */
  readonly name: string;
  /** Whether values lie on the server otherwise than as they are. */
  readonly framed?: true;
  connect(url: string): Promise<BenchClient>;
}

/** A client whose API takes one key at a time; a batch is as many calls at once. */
export function oneByOne(calls: {
  set(key: string, value: Buffer): Promise<unknown>;
  get(key: string): Promise<Uint8Array | null>;
  close(): Promise<unknown>;
}): BenchClient {
  return {
    set: async (keys, values) => {
      await Promise.all(keys.map((key, index) => calls.set(key, values[index])));
    },
    get: async (keys, check) => {
      await Promise.all(
        keys.map(async (key, index) => {
          const value = await calls.get(key);
          if (value === null) throw new Error(`${key} is missing`);
          check(index, value);
        }),
      );
    },
    close: async () => void (await calls.close()),
  };
}

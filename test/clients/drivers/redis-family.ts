import type { Arg, Client, ClientDriver, Reply } from "../driver.ts";

interface Batch {
  callBuffer(...command: Arg[]): unknown;
  exec(): Promise<[Error | null, unknown][] | null>;
}

/** What ioredis and its descendant iovalkey have in common, as far as it is used here. */
export interface RedisFamilyClient {
  on(event: "error", listener: (error: Error) => void): unknown;
  connect(): Promise<unknown>;
  set(key: Arg, value: Arg): Promise<unknown>;
  get(key: Arg): Promise<string | null>;
  getBuffer(key: Arg): Promise<Buffer | null>;
  del(...keys: Arg[]): Promise<number>;
  exists(...keys: Arg[]): Promise<number>;
  mgetBuffer(...keys: Arg[]): Promise<(Buffer | null)[]>;
  mset(...entries: Arg[]): Promise<unknown>;
  watch(...keys: Arg[]): Promise<unknown>;
  pipeline(): Batch;
  multi(): Batch;
  scanStream(options: { match: string; count: number }): AsyncIterable<string[]>;
  call(...command: Arg[]): Promise<unknown>;
  quit(): Promise<unknown>;
  disconnect(): void;
}

/** A driver from a factory of clients that neither connect nor reconnect by themselves. */
export function redisFamilyDriver(
  name: string,
  create: (url: string) => RedisFamilyClient,
): ClientDriver {
  return {
    name,
    async connect(url) {
      const client = create(url);
      let reason: unknown;
      client.on("error", (error) => (reason ??= error));
      try {
        await client.connect();
      } catch (error) {
        client.disconnect();
        throw reason ?? error; // the event says why, the rejection only that it closed
      }
      return adapt(client);
    },
  };
}

function adapt(client: RedisFamilyClient): Client {
  return {
    async set(key, value) {
      await client.set(key, value);
    },
    get: (key) => client.get(key),
    getBuffer: (key) => client.getBuffer(key),
    del: (...keys) => client.del(...keys),
    exists: (...keys) => client.exists(...keys),
    mget: (...keys) => client.mgetBuffer(...keys),
    async mset(entries) {
      await client.mset(...entries.flat());
    },
    pipeline: async (commands) => (await execute(client.pipeline(), commands)) ?? [],
    multi: (commands) => execute(client.multi(), commands),
    async watch(...keys) {
      await client.watch(...keys);
    },
    async scanAll(match, count) {
      const keys: string[] = [];
      for await (const page of client.scanStream({ match, count })) keys.push(...page);
      return keys;
    },
    call: async (...command) => (await client.call(...command)) as Reply,
    async close() {
      await client.quit();
    },
  };
}

async function execute(batch: Batch, commands: readonly Arg[][]): Promise<Reply[] | null> {
  for (const command of commands) batch.callBuffer(...command);
  const results = await batch.exec();
  return results && results.map(([error, reply]) => error ?? (reply as Reply));
}

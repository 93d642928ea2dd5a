import { KeepwarmError } from "../../errors.ts";
import { Commands } from "../../backends/valkey/commands.ts";
import type { NodeStats } from "../../backends/valkey/node.ts";
import type { StoreSettings } from "../../backends/valkey/store-options.ts";
import { createTopology } from "../../backends/valkey/topology/index.ts";
import type { Topology } from "../../backends/valkey/topology/topology.ts";
import { replyText, type Reply } from "../../wire/resp/reply.ts";
import type { Argument } from "../../wire/resp/request-encoder.ts";

export type Command = readonly Argument[];

/** Keys that one step of SCAN looks at. */
const scannedKeys = "256";

/** The server of a channel, or several: calls with a deadline that fail and never hang. */
export class ChannelServer {
  readonly #topology: Topology;
  readonly #commands: Commands;
  readonly #deadlineMs: number;

  constructor(settings: StoreSettings) {
    this.#deadlineMs = settings.deadlineMs;
    this.#topology = createTopology(settings);
    this.#commands = new Commands(this.#topology);
  }

  /**
   * Runs commands on keys of one slot as one transaction, and again when its connection broke: so
   * they must be such that it does not matter.
   *
   * @param key One of the keys: it decides which server is asked.
   * @param bytes What they write. With 0 the call goes before those that write.
   * @returns A reply for each command; one that the server refused is an error there.
   * @throws KeepwarmError when the server cannot be asked, or refuses all of it
   */
  async transaction(
    key: string,
    commands: readonly Command[],
    bytes: number,
  ): Promise<readonly Reply[]> {
    const call = { due: this.#due(), signal: undefined };
    await this.#topology.ready(call.due);
    const exec = await this.#commands.value(Buffer.from(key), call, bytes, async (turn) => {
      turn.prepare();
      const block = [["MULTI"], ...commands, ["EXEC"]];
      const replies = await Promise.allSettled(
        block.map((args) => turn.connection.command(args, turn.options)),
      );
      // The refusal of one command says more than that of EXEC, which follows from it.
      const refused = replies.find((reply) => reply.status === "rejected");
      if (refused !== undefined) throw refused.reason;
      return (replies.at(-1) as PromiseFulfilledResult<Reply>).value;
    });
    if (Array.isArray(exec) && exec.length === commands.length) return exec;
    throw new KeepwarmError("PROTOCOL", "a server answered EXEC with something else than replies");
  }

  /**
   * Commands of their own in one round trip to each server; they only read, or may be repeated.
   *
   * @throws KeepwarmError for the first that failed
   */
  async ask(commands: readonly Command[]): Promise<readonly Reply[]> {
    const lookups = commands.map((args) => ({ name: Buffer.from(String(args[1])), args }));
    const call = { due: this.#due(), signal: undefined };
    await this.#topology.ready(call.due);
    const replies = await this.#commands.lookups(lookups, call, true);
    return replies.map((reply) => {
      if (reply instanceof KeepwarmError) throw reply;
      return reply;
    });
  }

  /**
   * The keys that match a glob pattern, on all servers, a part at a time.
   *
   * @throws KeepwarmError when a server fails
   */
  async *keys(pattern: string): AsyncGenerator<readonly string[]> {
    await this.#topology.ready(this.#due());
    for (const node of this.#topology.nodes()) {
      let cursor = "0";
      do {
        const args = ["SCAN", cursor, "MATCH", pattern, "COUNT", scannedKeys];
        const call = { due: this.#due(), signal: undefined };
        const reply = await this.#commands.ask(node, args, call);
        const [next, names] = Array.isArray(reply) ? reply : [];
        const text = replyText(next);
        if (text === undefined || !Array.isArray(names))
          throw new KeepwarmError("PROTOCOL", "a server answered SCAN with no cursor and keys");
        cursor = text;
        yield names.flatMap((name) => replyText(name) ?? []);
      } while (cursor !== "0");
    }
  }

  stats(): readonly NodeStats[] {
    return this.#topology.nodes().map((node) => node.stats());
  }

  close(): Promise<void> {
    return this.#topology.close();
  }

  #due(): number {
    return performance.now() + this.#deadlineMs;
  }
}

import type { ConnectOptions } from "../../backends/valkey/client.ts";
import type { RespConnection } from "../../backends/valkey/connection.ts";
import { replyText, type Reply } from "../../wire/resp/reply.ts";
import type { RunningServer } from "./running-server.ts";
import { withConnection } from "./with-connection.ts";

const slots = 16_384;

/** What a cluster's nodes are told and asked while it is set up and slots move. */
export class ClusterAdmin {
  readonly #options: ConnectOptions;

  /** @param options Password and certificates, the same for all nodes. */
  constructor(options: ConnectOptions) {
    this.#options = options;
  }

  tell(server: RunningServer, args: readonly string[]): Promise<Reply> {
    return this.#with(server, (connection) => connection.command(args));
  }

  /** The bus has a port of its own, so both are named. */
  async meet(one: RunningServer, other: RunningServer): Promise<void> {
    const reply = await this.tell(other, ["CONFIG", "GET", "cluster-port"]);
    const bus = Array.isArray(reply) ? (replyText(reply[1]) ?? "") : "";
    await this.tell(one, ["CLUSTER", "MEET", other.host, String(other.port), bus]);
  }

  async idOf(server: RunningServer): Promise<string> {
    return replyText(await this.tell(server, ["CLUSTER", "MYID"])) ?? "";
  }

  /** Whether a node knows so many, and none of them is about to be met or gone. */
  async hasNodes(server: RunningServer, count: number): Promise<boolean> {
    const nodes = replyText(await this.tell(server, ["CLUSTER", "NODES"])) ?? "";
    const lines = nodes.trim().split("\n");
    return lines.length === count && lines.every((line) => !/handshake|fail/.test(line));
  }

  /** Whether a node finds all slots dealt out to so many primaries. */
  async isUp(server: RunningServer, primaries: number): Promise<boolean> {
    const info = replyText(await this.tell(server, ["CLUSTER", "INFO"])) ?? "";
    const ok = info.includes("cluster_state:ok") && info.includes(`cluster_size:${primaries}`);
    return ok && info.includes(`cluster_slots_assigned:${slots}`);
  }

  /** The slots that a primary holds, as it says itself. */
  async slotsOf(primary: RunningServer): Promise<ReadonlySet<number>> {
    const rows = (await this.tell(primary, ["CLUSTER", "SLOTS"])) as [number, number, Reply[]][];
    const held = new Set<number>();
    for (const [from, to, [, port]] of rows)
      for (let slot = from; slot <= to && port === primary.port; slot++) held.add(slot);
    return held;
  }

  /** Moves a slot with its keys; `between` runs while it is half done. `others` hear of it too. */
  async migrate(
    slot: number,
    from: RunningServer,
    to: RunningServer,
    others: readonly RunningServer[],
    between: () => Promise<unknown> = async () => {},
  ): Promise<void> {
    const [source, target] = [await this.idOf(from), await this.idOf(to)];
    await this.tell(to, ["CLUSTER", "SETSLOT", String(slot), "IMPORTING", source]);
    await this.tell(from, ["CLUSTER", "SETSLOT", String(slot), "MIGRATING", target]);
    const { password } = this.#options;
    const secret = password === undefined ? [] : ["AUTH", password];
    await this.#with(from, async (connection) => {
      for (let step = 0; ; step++) {
        const args = ["CLUSTER", "GETKEYSINSLOT", String(slot), "10"];
        const names = (await connection.command(args)) as Buffer[];
        if (step === 1 || names.length === 0) await between();
        if (names.length === 0) return;
        const moved = step === 0 ? names.slice(0, 1) : names;
        const command = ["MIGRATE", to.host, String(to.port), "", "0", "5000", ...secret, "KEYS"];
        await connection.command([...command, ...moved]);
      }
    });
    for (const server of [to, from, ...others.filter((each) => each !== to && each !== from)])
      await this.tell(server, ["CLUSTER", "SETSLOT", String(slot), "NODE", target]);
  }

  #with<T>(server: RunningServer, use: (connection: RespConnection) => Promise<T>): Promise<T> {
    return withConnection(server.url, use, this.#options);
  }
}

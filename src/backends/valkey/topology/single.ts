import type { ValkeyNode } from "../node.ts";
import type { Topology } from "./topology.ts";

/** One server that holds all keys. */
export class SingleServer implements Topology {
  readonly lastError = undefined;
  readonly #node: ValkeyNode;
  readonly #nodes: readonly ValkeyNode[];

  constructor(node: ValkeyNode) {
    this.#node = node;
    this.#nodes = [node];
  }

  route(): ValkeyNode {
    return this.#node;
  }

  nodes(): readonly ValkeyNode[] {
    return this.#nodes;
  }

  async ready(): Promise<void> {}

  async redirect(): Promise<undefined> {
    return undefined;
  }

  close(): Promise<void> {
    return this.#node.close();
  }
}

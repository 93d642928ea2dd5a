import type { Endpoint } from "../../backends/valkey/store-url.ts";

/** A node as CLUSTER NODES tells of it. */
export interface ClusterNode {
  readonly id: string;
  readonly endpoint: Endpoint;
  readonly failed: boolean;
  /** Id of its primary, if it is a replica. */
  readonly primary: string | undefined;
  readonly slots: readonly (readonly [from: number, to: number])[];
}

/**
 * `id host:port@bus[,name] flags primary ping pong epoch link slot …` a line. A host that a node does
 * not know of itself is the one that was asked.
 */
export function parseClusterNodes(text: string, asked: Endpoint): ClusterNode[] {
  return text
    .trim()
    .split("\n")
    .map((line) => line.trim().split(" "))
    .filter((words) => words.length >= 8 && !/handshake|noaddr/.test(words[2]))
    .map(([id, address, flags, primary, , , , , ...slots]) => ({
      id,
      endpoint: endpointOf(address, asked),
      failed: /(?:^|,)fail(?:,|$)/.test(flags),
      primary: primary === "-" ? undefined : primary,
      slots: slots.filter((word) => /^\d/.test(word)).map(rangeOf),
    }));
}

function endpointOf(address: string, asked: Endpoint): Endpoint {
  const match = /^(.*):(\d+)(?:@|$)/.exec(address.split(",", 1)[0]);
  const host = match?.[1].replace(/^\[(.*)\]$/, "$1");
  return { host: host || asked.host, port: Number(match?.[2] ?? asked.port) };
}

function rangeOf(word: string): [number, number] {
  const [from, to = from] = word.split("-").map(Number);
  return [from, to];
}

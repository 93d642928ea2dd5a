import { isKeepwarmError } from "../../src/errors.ts";
import { findBinary, type Binary } from "../../src/testing/servers/binaries.ts";
import { compileLoadProgram } from "../support/load-program.ts";
import { choosePeers, type Peer } from "./peers.ts";

/** What a run needs from outside. */
export interface Equipment {
  readonly loadProgram: string;
  readonly peers: readonly Peer[];
  readonly redisBenchmark?: Binary | undefined;
}

/** Finds everything; what this machine does not have is left out, and said on stderr. */
export async function gatherEquipment(peerNames: string | undefined): Promise<Equipment> {
  const wanted = choosePeers(peerNames);
  const loadProgram = await compileLoadProgram();
  const peers: Peer[] = [];
  for (const peer of wanted) {
    const there = await unlessMissing(peer.name, async () => {
      await peer.prepare();
      return true;
    });
    if (there) peers.push(peer);
  }
  const redisBenchmark = await unlessMissing("redis-benchmark", () =>
    findBinary("redis-benchmark"),
  );
  return { loadProgram, peers, redisBenchmark };
}

async function unlessMissing<T>(name: string, find: () => Promise<T>): Promise<T | undefined> {
  try {
    return await find();
  } catch (error) {
    if (!isKeepwarmError(error, "NOT_FOUND")) throw error;
    console.error(`without ${name}: ${[error.message, error.remedy].filter(Boolean).join(". ")}`);
    return undefined;
  }
}

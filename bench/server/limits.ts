import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { median } from "../support/stats.ts";

/** One way of moving bytes over loopback. */
interface CopyLimit {
  readonly bytesPerSecond: number;
  /** CPU seconds per GB of each end. */
  readonly senderCpu: number;
  readonly receiverCpu: number;
}

export interface Limits {
  /** Node to Node without a protocol, receiving into one own buffer, 1 MiB writes. */
  readonly nodeToNode: CopyLimit;
}

const script = fileURLToPath(import.meta.resolve("./node-copy.ts"));

export async function measureLimits(seconds: number, rounds: number): Promise<Limits> {
  const runs: CopyLimit[] = [];
  for (let round = 0; round < rounds; round++) runs.push(await nodeToNode(seconds));
  const middle = (value: (run: CopyLimit) => number) => median(runs.map(value));
  return {
    nodeToNode: {
      bytesPerSecond: middle((run) => run.bytesPerSecond),
      senderCpu: middle((run) => run.senderCpu),
      receiverCpu: middle((run) => run.receiverCpu),
    },
  };
}

interface Received {
  readonly bytes: number;
  /** With those before the measurement, which the sender's CPU paid for too. */
  readonly allBytes: number;
  readonly seconds: number;
  readonly cpu: number;
}

async function nodeToNode(seconds: number): Promise<CopyLimit> {
  const sender = answersOf(["send"]);
  const { port } = await sender<{ port: number }>();
  const receiver = answersOf(["receive", String(port), String(seconds)]);
  const received = await receiver<Received>();
  const sent = await sender<{ cpu: number }>();
  return {
    bytesPerSecond: received.bytes / received.seconds,
    senderCpu: sent.cpu / (received.allBytes / 1e9),
    receiverCpu: received.cpu / (received.bytes / 1e9),
  };
}

/** Runs the script in a role; each call of the result is the next line it prints. */
function answersOf(words: readonly string[]): <T>() => Promise<T> {
  const child = spawn(process.execPath, [...process.execArgv, script, ...words], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async <T>() => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`node-copy ${words[0]} ended early`);
    return JSON.parse(line.value) as T;
  };
}

import { promises as fs } from "node:fs";
import { totalmem } from "node:os";
import type { Config } from "../../config/schema.ts";
import { formatBytes, formatCount } from "../../util/units.ts";
import type { Findings } from "./finding.ts";

/** The oldest Node that Keepwarm runs on, as package.json says. */
const oldestNode = [20, 19] as const;
/** Files and sockets beside those of clients and segments. */
const otherFiles = 128;
/** Segment files of a disk tier whose size is its default. */
const segmentFiles = 64;
const mostMemory = 0.8;

/** What the examined machine says of itself; tests give their own. */
export interface Machine {
  /** `20.19.0` */
  readonly node: string;
  readonly memoryBytes: number;
  /** Most open files of a process; nothing where that is not told. */
  readonly openFiles: number | undefined;
  /** Name of the TCP congestion control; nothing where there is no such choice. */
  readonly congestionControl: string | undefined;
}

export async function readMachine(): Promise<Machine> {
  const limits = await read("/proc/self/limits");
  const files = /^Max open files\s+(\d+|unlimited)/m.exec(limits ?? "")?.[1];
  const constrained = process.constrainedMemory();
  return {
    node: process.versions.node,
    memoryBytes: constrained > 0 ? Math.min(totalmem(), constrained) : totalmem(),
    openFiles: files === undefined ? undefined : files === "unlimited" ? Infinity : Number(files),
    congestionControl: (await read("/proc/sys/net/ipv4/tcp_congestion_control"))?.trim(),
  };
}

/** Whether this machine can carry what the configuration asks of it. */
export function checkMachine(machine: Machine, config: Config, found: Findings): void {
  checkNode(machine, found);
  checkMemory(machine, config, found);
  checkOpenFiles(machine, config, found);
  checkCongestionControl(machine, found);
}

function checkNode({ node }: Machine, found: Findings): void {
  const [major, minor] = node.split(".").map(Number);
  const [leastMajor, leastMinor] = oldestNode;
  const isOld = major < leastMajor || (major === leastMajor && minor < leastMinor);
  if (isOld)
    found.problem("node", `Node ${node} is too old`, `Install Node ${oldestNode.join(".")}+.`);
  else found.ok("node", `Node ${node}`);
}

function checkMemory({ memoryBytes }: Machine, { ram }: Config, found: Findings): void {
  const what = `ram.size is ${formatBytes(ram.size)} of ${formatBytes(memoryBytes)}`;
  const fix = `Set \`ram.size\` to at most ${formatBytes(Math.floor(mostMemory * memoryBytes))}.`;
  if (ram.size > memoryBytes)
    found.problem("memory", `${what}: the system would kill the process`, fix);
  else if (ram.size > mostMemory * memoryBytes)
    found.hint("memory", `${what}, which leaves little for everything else`, fix);
  else found.ok("memory", what);
}

function checkOpenFiles({ openFiles }: Machine, config: Config, found: Findings): void {
  if (openFiles === undefined) return;
  const needed =
    config.limits.clients + otherFiles + (config.ssd.dir === undefined ? 0 : segmentFiles);
  const has = openFiles === Infinity ? "no limit" : formatCount(openFiles);
  if (openFiles < needed)
    found.problem(
      "open files",
      `ulimit -n is ${has}, and limits.clients of ${formatCount(config.limits.clients)} may need ${formatCount(needed)}`,
      "`ulimit -n 65536` before the start (systemd: `LimitNOFILE=65536`), or lower `limits.clients`.",
    );
  else found.ok("open files", `ulimit -n: ${has}`);
}

function checkCongestionControl({ congestionControl }: Machine, found: Findings): void {
  if (congestionControl === undefined) return;
  if (congestionControl === "bbr")
    found.hint(
      "tcp",
      "bbr paces connections on loopback too: engines on this machine get half the speed",
      "`sysctl -w net.ipv4.tcp_congestion_control=cubic`.",
    );
  else found.ok("tcp", `congestion control ${congestionControl}`);
}

async function read(path: string): Promise<string | undefined> {
  return fs.readFile(path, "utf8").catch(() => undefined);
}

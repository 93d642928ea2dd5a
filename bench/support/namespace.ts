import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const marker = "KEEPWARM_BENCH_NAMESPACE";
const control = "/proc/sys/net/ipv4/tcp_congestion_control";

/** The congestion control that new TCP sockets get here, such as `"reno"`. */
export function congestionControl(): string {
  try {
    return readFileSync(control, "utf8").trim();
  } catch {
    return "unknown";
  }
}

/**
 * Runs this very program again inside a network namespace of its own, where loopback uses reno: bbr,
 * the default of some machines, paces loopback to a third of its speed and flattens every difference.
 *
 * @returns the exit code of that run, or `undefined` when the caller should go on here: it is inside
 *   already, or this machine gives no namespace (then {@link congestionControl} tells what it has)
 */
export async function runInNamespace(): Promise<number | undefined> {
  if (process.env[marker] !== undefined) {
    enter();
    return undefined;
  }
  const flags = ["-n", "-rn"].find((flags) => spawnSync("unshare", [flags, "true"]).status === 0);
  if (flags === undefined) return undefined;
  const words = [flags, process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn("unshare", words, {
    stdio: "inherit",
    env: { ...process.env, [marker]: "1" },
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

function enter(): void {
  const up = spawnSync("ip", ["link", "set", "lo", "up"], { encoding: "utf8" });
  if (up.status !== 0)
    throw new Error(`loopback does not come up in the namespace: ${up.stderr || up.error}`);
  try {
    writeFileSync(control, "reno");
  } catch {
    // A kernel without reno: the report names what is used instead.
  }
}

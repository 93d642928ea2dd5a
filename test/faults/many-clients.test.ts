import { readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { startKeepwarm } from "../../src/testing/servers/keepwarm-server.ts";
import { Bystander, Peer } from "./support/peer.ts";

const CLIENTS = 10_000;
const BATCH = 500;
/** Sockets of this process, or of the server, and what else each has open. */
const NEEDED_FILES = CLIENTS + 500;
const BYTES_PER_CLIENT = 40 * 1024;

const onLinux = process.platform === "linux";

/** Most files that this process, and a server that it starts, may have open. */
function fileLimit(): number {
  const line = readFileSync("/proc/self/limits", "latin1").match(/^Max open files\s+(\d+)/m);
  return Number(line?.[1]);
}

function residentBytes(pid: number): number {
  const kib = readFileSync(`/proc/${pid}/status`, "latin1").match(/^VmRSS:\s+(\d+) kB$/m);
  return Number(kib![1]) * 1024;
}

function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

test.runIf(onLinux)(
  "ten thousand idle clients; one more is refused; one that works is served",
  async () => {
    expect(
      fileLimit(),
      `this test opens ${NEEDED_FILES} files: raise the limit first (ulimit -n ${NEEDED_FILES})`,
    ).toBeGreaterThanOrEqual(NEEDED_FILES);
    await using server = await startKeepwarm({
      args: ["--ram-size", "64MiB", "--max-clients", String(CLIENTS)],
    });
    const { pid, port } = server;
    const bystander = new Bystander(port);
    await bystander.check();
    const before = residentBytes(pid);
    const filesBefore = openFiles(pid);

    const idle: Peer[] = [];
    while (idle.length < CLIENTS - 1) {
      const count = Math.min(BATCH, CLIENTS - 1 - idle.length);
      const batch = Array.from({ length: count }, () => new Peer(port));
      // Each has said something before it fell silent.
      for (const peer of batch) peer.send("PING");
      for (const peer of batch) expect((await peer.take(7)).toString()).toBe("+PONG\r\n");
      idle.push(...batch);
    }
    await bystander.check();
    expect((residentBytes(pid) - before) / CLIENTS).toBeLessThan(BYTES_PER_CLIENT);

    const refused = Array.from({ length: 20 }, () => new Peer(port));
    for (const peer of refused) {
      peer.send("PING");
      await peer.untilEnded();
      expect(peer.text).toBe("-ERR max number of clients reached\r\n");
      peer.destroy();
    }
    await bystander.check();
    // Who was refused is gone for good, even when he does not hang up.
    const stubborn = new Peer(port);
    await stubborn.untilEnded();
    await expect.poll(() => openFiles(pid), { timeout: 5000 }).toBe(filesBefore + idle.length);

    for (const peer of idle.splice(0, 1000)) peer.destroy();
    await expect.poll(() => openFiles(pid), { timeout: 5000 }).toBe(filesBefore + idle.length);
    const late = new Peer(port);
    late.send("PING");
    expect((await late.take(7)).toString()).toBe("+PONG\r\n");
    await bystander.check();

    for (const peer of [...idle, late, stubborn]) peer.destroy();
    await expect.poll(() => openFiles(pid), { timeout: 5000 }).toBe(filesBefore);
    bystander.close();
  },
);

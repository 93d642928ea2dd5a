import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

import { run } from "../../src/testing/servers/run.ts";
import { peers, peersNamed } from "./peers.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const interop = (...args: string[]) => run(process.execPath, ["--import", "tsx", main, ...args]);

it("lists its peers in --help", async () => {
  const { code, stdout } = await interop("--help");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ {2}clients +redis-py/m);
});

it("takes the word that several names begin with for all of them", () => {
  expect(peersNamed("clients")).toEqual([peers["clients"]]);
  const all = Object.entries(peers).filter(([name]) => name.startsWith("lmcache-"));
  expect(all.length).toBeGreaterThan(5);
  expect(peersNamed("lmcache")).toEqual(all.map(([, peer]) => peer));
  expect(peersNamed("lm")).toEqual([]);
});

it.each([
  ["a peer", ["nobody"], /"nobody" is not a peer\nPeers are clients/],
  ["a target", ["clients", "--target", "memcached"], /"memcached" is not a target\nTargets are/],
  ["an option", ["--colour"], /--colour/],
])("refuses %s that it does not know", async (_, args, message) => {
  const { code, stdout, stderr } = await interop(...args);
  expect(stderr).toMatch(message);
  expect(code).toBe(64);
  expect(stdout).toBe("");
});

it("says what to do without a Python", async () => {
  const { code, stdout, stderr } = await interop("clients", "--python", "/nonexistent/python");
  expect(stderr).toMatch(/cannot make virtual environments.*\n.*python3-venv.*--python/);
  expect(stdout).toMatch(/^0 passed, 0 failed$/m);
  expect(code).toBe(1);
});

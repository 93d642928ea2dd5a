import { expect, it } from "vitest";
import type { RunningServer } from "../../src/testing/servers/running-server.ts";
import { metricsList } from "../interop/metrics-list.ts";
import type { Check } from "../interop/peer.ts";
import { startTarget, targetKinds } from "../support/target.ts";

it.each(targetKinds)(
  "hands lists over to and from a Python program, through %s",
  async (target) => {
    const servers: RunningServer[] = [];
    const start = async (args?: readonly string[]) => {
      const server = await startTarget(target, args);
      servers.push(server);
      return server;
    };
    try {
      const context = { target, python: "python3", start, progress: () => {} };
      const checks: Check[] = [];
      for await (const check of metricsList.run(context)) checks.push(check);
      expect(checks.filter(({ passed }) => !passed)).toEqual([]);
      expect(checks).toHaveLength(4);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  },
  180_000,
);

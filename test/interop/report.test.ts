import { expect, it } from "vitest";

import type { Check } from "./peer.ts";
import { formatReport, formatTally } from "./report.ts";

const check = (variant: string, name: string, reason?: string): Check => ({
  variant,
  name,
  passed: reason === undefined,
  elapsedMs: 1,
  ...(reason !== undefined && { reason }),
});

it("shows checks by variant, gaps, and the reasons of failures below", () => {
  const checks = [
    check("redis-py 7", "ping"),
    check("redis-py 7", "a long name"),
    check("valkey-py", "ping", "ConnectionError: refused (line 3)"),
  ];
  expect(formatReport(checks)).toBe(
    [
      "             redis-py 7  valkey-py",
      "ping         PASS        FAIL",
      "a long name  PASS        -",
      "",
      "FAIL valkey-py: ping",
      "ConnectionError: refused (line 3)",
    ].join("\n"),
  );
  expect(formatTally(checks)).toBe("2 passed, 1 failed");
});

import { expect, it } from "vitest";

import { text } from "../driver.ts";
import type { Context } from "./context.ts";

export function handshake(context: Context): void {
  it("connects, and answers PING and ECHO", async () => {
    expect(text(await context.client.call("PING"))).toBe("PONG");
    expect(text(await context.client.call("ECHO", "hello"))).toBe("hello");
  });

  it("takes a client name and gives it back", async () => {
    expect(text(await context.client.call("CLIENT", "SETNAME", "keepwarm-suite"))).toBe("OK");
    expect(text(await context.client.call("CLIENT", "GETNAME"))).toBe("keepwarm-suite");
  });

  it("has an id per connection", async () => {
    const other = await context.another();
    const ids = [await context.client.call("CLIENT", "ID"), await other.call("CLIENT", "ID")];
    expect(Number(ids[0])).toBeGreaterThan(0);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it("selects database 0", async () => {
    expect(text(await context.client.call("SELECT", "0"))).toBe("OK");
  });

  it("tells in INFO the sections and fields that clients look for", async () => {
    const info = String(text(await context.client.call("INFO")));
    for (const field of ["redis_version", "role:master", "used_memory", "connected_clients"])
      expect(info).toContain(field);
    const replication = String(text(await context.client.call("INFO", "replication")));
    expect(replication).toContain("role:master");
    expect(replication).not.toContain("used_memory:");
  });
}

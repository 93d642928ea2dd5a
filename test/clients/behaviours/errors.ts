import { expect, it } from "vitest";

import { targetKind } from "../../support/target.ts";
import { text } from "../driver.ts";
import type { Context } from "./context.ts";

export function errors(context: Context): void {
  it.each([
    ["an unknown command", ["NOSUCHCOMMAND", "x"], /unknown command/i],
    ["too few arguments", ["GET"], /wrong number of arguments/i],
    ["too many arguments", ["GET", "a", "b"], /wrong number of arguments/i],
    ["an unknown option", ["SET", "e", "v", "SOON"], /syntax error/i],
    ["options that exclude each other", ["SET", "e", "v", "NX", "XX"], /syntax error/i],
    ["a time that is no number", ["SET", "e", "v", "EX", "soon"], /not an integer/i],
    ["a time of zero", ["SET", "e", "v", "PX", "0"], /invalid expire time/i],
    ["a cursor that is no number", ["SCAN", "x"], /invalid cursor/i],
    ["an unknown subcommand", ["CLIENT", "NOSUCHTHING"], /unknown subcommand/i],
  ])("answers %s with an error, and goes on", async (_, command, message) => {
    await expect(context.client.call(...command)).rejects.toThrow(message);
    expect(text(await context.client.call("PING"))).toBe("PONG");
  });

  it("refuses databases that are not there", async () => {
    await expect(context.client.call("SELECT", "99")).rejects.toThrow(/out of range/i);
  });

  if (targetKind === "keepwarm") refusals(context);
}

/** On purpose unlike real servers: Keepwarm runs no scripts. */
function refusals(context: Context): void {
  it("refuses scripts with a clear error", async () => {
    await expect(context.client.call("EVAL", "return 1", "0")).rejects.toThrow(/script/i);
    expect(text(await context.client.call("PING"))).toBe("PONG");
  });
}

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { RunningServer } from "../../src/testing/servers/running-server.ts";
import { startTarget, targetKind } from "../support/target.ts";
import { collections } from "./behaviours/collections.ts";
import type { Context } from "./behaviours/context.ts";
import { errors } from "./behaviours/errors.ts";
import { expiry } from "./behaviours/expiry.ts";
import { handshake } from "./behaviours/handshake.ts";
import { pipelines } from "./behaviours/pipelines.ts";
import { scan } from "./behaviours/scan.ts";
import { transactions } from "./behaviours/transactions.ts";
import { values } from "./behaviours/values.ts";
import { text, type Client, type ClientDriver } from "./driver.ts";

/** The one list of behaviours that every real client must see, against the chosen target. */
export function describeClient(driver: ClientDriver): void {
  describe(`${driver.name} with ${targetKind}`, () => {
    let server: RunningServer;
    const clients: Client[] = [];
    const another = async () => {
      const client = await driver.connect(server.url);
      clients.push(client);
      return client;
    };
    const context: Context = {
      get client() {
        return clients[0];
      },
      another,
    };

    beforeAll(async () => {
      server = await startTarget();
      await another();
    });
    afterAll(async () => {
      await Promise.all(clients.map((client) => client.close()));
      await server?.stop();
    });

    describe("handshake", () => handshake(context));
    describe("values", () => values(context));
    describe("pipelines", () => pipelines(context));
    describe("transactions", () => transactions(context));
    describe("collections", () => collections(context));
    describe("expiry", () => expiry(context));
    describe("errors", () => errors(context));
    describe("scan", () => scan(context));
  });

  describe(`${driver.name} with ${targetKind} and a password`, () => {
    it("gets in with the right password and not with another", async () => {
      await using server = await startTarget(targetKind, ["--requirepass", "s3cret"]);
      const client = await driver.connect(server.url.replace("//", "//:s3cret@"));
      expect(text(await client.call("PING"))).toBe("PONG");
      await client.set("in", "side");
      expect(await client.get("in")).toBe("side");
      await client.close();

      const refused = async () => {
        const intruder = await driver.connect(server.url.replace("//", "//:wrong@"));
        try {
          await intruder.get("in");
        } finally {
          await intruder.close();
        }
      };
      await expect(refused()).rejects.toThrow(/WRONGPASS|NOAUTH|auth|password/i);
    });
  });
}

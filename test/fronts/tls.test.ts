import { beforeAll, expect, test } from "vitest";
import { pseudoRandomBytes } from "../support/bytes.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { type Front, startFront } from "../support/front.ts";

let certificates: Certificates;

beforeAll(async () => {
  certificates = await makeCertificates();
});

/** A server that asks clients for certificates. */
function startMutual(clientCertificates?: "required" | "optional"): Promise<Front> {
  const { ca, server } = certificates;
  const mode = clientCertificates === undefined ? {} : { clientCertificates };
  return startFront({ tls: { ...server, ca, ...mode } });
}

test("big values cross TLS unharmed in both directions", async () => {
  const front = await startFront({ tls: certificates.server });
  const client = await front.client({ ca: certificates.ca });
  expect(front.server.url).toBe(`rediss://127.0.0.1:${front.server.state.port}`);
  for (const length of [1, 65_536, 4 * 1024 ** 2]) {
    const value = pseudoRandomBytes(length, length);
    expect(await client.ask("SET", "k", value)).toBe("OK");
    client.send("GET", "k");
    expect(value.equals((await client.reply()) as Buffer)).toBe(true);
  }
  expect(await client.ask("CONFIG", "GET", "*port")).toEqual([
    "port",
    "0",
    "tls-port",
    String(front.server.state.port),
  ]);
  expect(await front.leftReserved()).toBe(0);
});

test("plain connections are read in place, TLS ones by copies", async () => {
  const plain = await (await startFront()).client();
  expect(await plain.ask("CLIENT", "LIST")).toMatch(/ read=direct\n$/);
  const front = await startFront({ tls: certificates.server });
  const secured = await front.client({ ca: certificates.ca });
  expect(await secured.ask("CLIENT", "LIST")).toMatch(/ read=copied\n$/);
});

test("a client that knows another authority does not talk to the server", async () => {
  const front = await startFront({ tls: certificates.server });
  await expect(front.client({ ca: certificates.stranger.cert })).rejects.toThrow(/certificate/);
  await expect(front.client({})).rejects.toThrow(/certificate/);
});

test("a client that speaks no TLS gets nowhere", async () => {
  const front = await startFront({ tls: certificates.server });
  const client = await front.client();
  client.send("PING");
  await client.ended();
  expect(front.server.state.connectionsAccepted).toBe(0);
});

test("with an authority for clients, those it vouches for get in and no others", async () => {
  const front = await startMutual();
  const { ca, client, stranger } = certificates;
  expect(await (await front.client({ ca, ...client })).ask("PING")).toBe("PONG");
  for (const identity of [{}, stranger]) {
    const refused = await front.client({ ca, ...identity });
    refused.send("PING");
    await refused.ended();
    await expect(refused.reply()).rejects.toThrow(/closed before a reply/);
  }
  expect(front.server.state.connectionsAccepted).toBe(1);
});

test("client certificates may be optional", async () => {
  const front = await startMutual("optional");
  const { ca, client } = certificates;
  expect(await (await front.client({ ca, ...client })).ask("PING")).toBe("PONG");
  expect(await (await front.client({ ca })).ask("PING")).toBe("PONG");
});

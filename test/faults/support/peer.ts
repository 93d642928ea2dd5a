import net from "node:net";
import { expect } from "vitest";
import { type Argument, encodeRequest } from "../../../src/wire/resp/request-encoder.ts";

export const MIB: number = 1024 ** 2;

/** How long a condition may take to come true, in ms: generous, for machines that do much else. */
export const PATIENCE = { timeout: 15_000, interval: 1 };

/** A request as clients encode it. */
export function encode(...args: readonly Argument[]): Buffer {
  return Buffer.concat(encodeRequest(args));
}

/** What stands before a value of `length` bytes in a SET. */
export function setHeader(key: string, length: number): string {
  return `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${length}\r\n`;
}

/** `length` bytes that differ with `seed` and with their place. */
export function pattern(length: number, seed: number): Buffer {
  const block = Buffer.alloc(4099);
  for (let i = 0; i < block.length; i++) block[i] = (i * 31 + seed * 17 + (i >> 8)) & 0xff;
  return Buffer.alloc(length, block);
}

/** A raw connection: it sends what it is told and keeps all it gets. */
export class Peer {
  readonly socket: net.Socket;
  /** The server has sent all it will. */
  ended = false;
  closed = false;
  #chunks: Buffer[] = [];
  #received = 0;

  constructor(port: number) {
    this.socket = net.connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    this.socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#received += chunk.length;
    });
    this.socket.on("end", () => (this.ended = true));
    this.socket.on("close", () => (this.closed = true));
    this.socket.on("error", () => {});
  }

  get receivedBytes(): number {
    return this.#received;
  }

  get received(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  get text(): string {
    return this.received.toString("latin1");
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  send(...args: readonly Argument[]): void {
    this.write(encode(...args));
  }

  /** Sends `bytes` and waits until the kernel has all of them. */
  async deliver(bytes: Uint8Array | string): Promise<void> {
    await new Promise((resolve) => this.socket.write(bytes, resolve));
  }

  /** Waits for `count` bytes more than have been taken, and takes them. */
  async take(count: number): Promise<Buffer> {
    await expect.poll(() => this.#received >= count || this.ended, PATIENCE).toBe(true);
    const all = this.received;
    this.#chunks = [all.subarray(count)];
    this.#received = all.length - Math.min(count, all.length);
    return all.subarray(0, count);
  }

  /** Waits until the server has ended or cut the connection. */
  async untilEnded(): Promise<void> {
    await expect.poll(() => this.ended || this.closed, PATIENCE).toBe(true);
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** A well-behaved client beside the bad ones: all it asks for must come, whole and soon. */
export class Bystander {
  readonly #peer: Peer;
  #rounds = 0;

  constructor(port: number) {
    this.#peer = new Peer(port);
  }

  /** Stores 1 MiB, reads it back and says PING: right bytes, and each answer within a second. */
  async check(): Promise<void> {
    const value = pattern(MIB, ++this.#rounds);
    await this.#ask(encode("SET", "bystander", value), Buffer.from("+OK\r\n"));
    const frame = Buffer.concat([Buffer.from(`$${MIB}\r\n`), value, Buffer.from("\r\n")]);
    await this.#ask(encode("GET", "bystander"), frame);
    await this.#ask(encode("PING"), Buffer.from("+PONG\r\n"));
  }

  close(): void {
    this.#peer.destroy();
  }

  async #ask(request: Buffer, reply: Buffer): Promise<void> {
    const began = performance.now();
    this.#peer.write(request);
    const answer = await this.#peer.take(reply.length);
    expect(performance.now() - began).toBeLessThan(1000);
    expect(answer.equals(reply)).toBe(true);
  }
}

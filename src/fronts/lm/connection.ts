import type { Socket } from "node:net";
import type { ReadMode, Reader } from "../../net/take-over.ts";
import type { Bringing } from "../../tiers/chain/bringing.ts";
import { NO_ROOM, TOO_LARGE } from "../../tiers/ram/ram-tier.ts";
import { UNDEFINED_FORMAT, command, currentGeneration } from "../../wire/lm/header.ts";
import { writeAnswer, writeBytes, writeHit } from "../../wire/lm/reply.ts";
import type { Request } from "../../wire/lm/request.ts";
import {
  type Answer,
  RequestDecoder,
  type RequestReceiver,
  answer,
  bodyAnswer,
} from "../../wire/lm/request-decoder.ts";
import type { LmFrontState } from "./front-state.ts";

/** From this length on a value's slot has pages of its own, with room behind the value. */
const PAGED_BYTES = 16 * 1024;
const MOST_LISTED_BYTES = 8 * 1024 ** 2;
/** How long a client that was told goodbye may take to leave, in ms. */
const LINGER_MS = 1000;
const REPLY_BYTES = currentGeneration.replyBytes;

/**
 * One client's socket: values are read straight into the slots where they stay and sent from there, the
 * header and the value of a reply in one write, as LMCache's client needs it, which takes whatever its
 * first read brings for the whole header. A slot is held until the socket has taken it.
 */
export class LmConnection implements Reader, RequestReceiver {
  readonly address: string;
  readonly readMode: ReadMode;
  readonly #front: LmFrontState;
  readonly #decoder: RequestDecoder;
  #socket: Socket | undefined;
  /** For the header of a reply while none is under way. */
  readonly #header = Buffer.alloc(REPLY_BYTES);
  /** Pairs of slot (0: none) and bytes of writes under way, oldest first. */
  readonly #writing: number[] = [];
  #writingHead = 0;
  #unwritten = 0;
  /** A block on its way up for the request that waits for it, and whether it has come or can't. */
  #bringing: Bringing | undefined;
  #bringingSince = 0;
  #hasCome = false;
  #closing = false;
  #finishing = false;
  #roomWaitSince = 0;
  #lastActiveAt: number;
  #lastProgressAt: number;
  #lastQueued = 0;
  readonly #written = (): void => this.#afterWrite();

  constructor(front: LmFrontState, address: string, readMode: ReadMode) {
    this.#front = front;
    this.address = address;
    this.readMode = readMode;
    this.#decoder = new RequestDecoder(this, front.window);
    this.#lastActiveAt = this.#lastProgressAt = front.now();
  }

  /** Begins to serve the socket. */
  attach(socket: Socket): void {
    this.#socket = socket;
    this.#front.connections.add(this);
    socket.on("error", () => {
      // The close that follows tidies up; a peer that vanished is no event.
    });
    socket.on("close", () => this.#afterClose());
  }

  /** Bytes of replies that the peer has not taken. */
  get unwrittenBytes(): number {
    return this.#unwritten;
  }

  // Reader

  target(): Uint8Array {
    return this.#decoder.target();
  }

  advance(count: number): boolean {
    this.#front.bytesIn += count;
    if (this.#closing) return true;
    this.#lastActiveAt = this.#front.now();
    this.#decoder.advance(count);
    return this.#endTurn();
  }

  push(bytes: Uint8Array): boolean {
    this.#front.bytesIn += bytes.length;
    if (this.#closing) return true;
    this.#lastActiveAt = this.#front.now();
    this.#decoder.push(bytes);
    return this.#endTurn();
  }

  // RequestReceiver

  request(request: Request): Answer {
    switch (request.command) {
      case command.get:
      case command.exist:
        if (!this.#look(request)) return answer.wait;
        break;
      case command.list:
        this.#replyList(request);
        break;
      default:
        this.#replyAnswer(request, true);
    }
    return this.#hasRoomForReplies() ? answer.next : answer.pause;
  }

  put(request: Request): number {
    const front = this.#front;
    if (request.keyEnd === request.keyStart || request.length > front.limits.valueBytes)
      return bodyAnswer.discard;
    const now = front.now();
    const since = this.#roomWaitSince;
    const isLate = since !== 0 && now - since >= front.limits.roomWaitMs;
    const hasRoom = isLate || front.tiers.hasRoomBelow(request.length);
    const slot = hasRoom ? front.blocks.reserve(request) : NO_ROOM;
    if (slot === NO_ROOM && !isLate) {
      if (since === 0) this.#roomWaitSince = now;
      front.waiting.add(this);
      return bodyAnswer.wait;
    }
    this.#roomWaitSince = 0;
    return slot === NO_ROOM || slot === TOO_LARGE ? bodyAnswer.discard : slot;
  }

  bodyMemory(body: number, from: number): Buffer {
    const { slots } = this.#front.ram;
    return slots.length(body) >= PAGED_BYTES
      ? slots.valueAndRest(body, from)
      : slots.value(body).subarray(from);
  }

  stored(request: Request, body: number): boolean {
    const front = this.#front;
    front.puts++;
    if (body > 0 && isRemoval(request)) {
      front.ram.cancel(body);
      front.blocks.remove(request);
    } else if (body === 0 || !front.blocks.store(request, body)) {
      // An older value of the key must not be taken for the one that was lost.
      front.dropped++;
      front.ram.counters.rejected++;
      front.blocks.lose(request);
    }
    return true;
  }

  protocolError(message: string): void {
    this.#front.protocolErrors++;
    this.#front.options.logger.debug({ client: this.address, message }, "closed: not lm://");
    this.close();
  }

  /** Closes once the replies so far are sent. */
  close(): void {
    if (!this.#closing) this.#lastProgressAt = this.#front.now();
    this.#closing = true;
    this.#decoder.stop();
  }

  /** Ends when nothing is under way: at once, or after the request and the replies that are. */
  finish(): void {
    this.#finishing = true;
    if (!this.#isBusy() && this.#unwritten === 0) {
      this.close();
      this.#socket?.end();
    }
  }

  /** Closes at once. */
  destroy(): void {
    this.close();
    this.#socket?.destroy();
  }

  /** Goes on with a value that waited for room, if there is some by now. */
  retryRoom(): void {
    if (this.#roomWaitSince !== 0) this.#goOn();
    if (this.#roomWaitSince === 0) this.#front.waiting.delete(this);
  }

  isIdle(now: number, idleMs: number): boolean {
    return now - this.#lastActiveAt > idleMs && this.#bringing === undefined;
  }

  /**
   * Whether the peer has neither taken nor sent anything, in the middle of a value, for too long, or
   * stays although the connection is closing.
   */
  isStalled(now: number, stallMs: number): boolean {
    const queued = this.#queuedBytes();
    if (queued !== this.#lastQueued) {
      this.#lastQueued = queued;
      this.#lastProgressAt = now;
    }
    if (this.#closing && queued === 0) return now - this.#lastProgressAt > LINGER_MS;
    const waits = this.#roomWaitSince !== 0 || this.#bringing !== undefined;
    const busy = queued > 0 || (this.#decoder.inRequest && !waits);
    return busy && now - Math.max(this.#lastProgressAt, this.#lastActiveAt) > stallMs;
  }

  /**
   * Answers a request for a block. The one place where blocks are found: false when this one has to
   * come up first, and the request is to be asked again then.
   */
  #look(request: Request): boolean {
    const front = this.#front;
    const { blocks } = front;
    const isGet = request.command === command.get;
    const found = blocks.find(request);
    const mayCome = found === "below" ? isGet : found === "absent" && front.tiers.hasRemotes;
    if (mayCome && !this.#hasCome) {
      this.#bringingSince = front.now();
      this.#bringing = blocks.bring(() => this.#afterBringing());
      return false;
    }
    if (isGet) this.#replyBlock(request, found === "here");
    else {
      front.exists++;
      if (found !== "absent") blocks.protect();
      this.#replyAnswer(request, found !== "absent");
    }
    this.#endBringing();
    return true;
  }

  #replyBlock(request: Request, found: boolean): void {
    const front = this.#front;
    const { blocks, tiers } = front;
    front.gets++;
    if (!found) {
      tiers.countMiss();
      this.#replyAnswer(request, false);
      return;
    }
    front.hits++;
    const { valueSlot, metadataSlot } = blocks;
    const { slots } = tiers.ram;
    const header = this.#newHeader();
    const { generation } = request;
    const length = blocks.hasSeveralGroups
      ? writeBytes(header, generation, slots.length(valueSlot))
      : writeHit(header, generation, slots.piece(metadataSlot), slots.valueOffset(metadataSlot));
    blocks.read(this.#bringing);
    if (slots.length(valueSlot) === 0) {
      this.#write(header.subarray(0, length), 0);
      return;
    }
    slots.retain(valueSlot);
    this.#writeBoth(header.subarray(0, length), slots.value(valueSlot), valueSlot);
  }

  #replyList(request: Request): void {
    const text = this.#front.blocks.list(MOST_LISTED_BYTES);
    const header = this.#newHeader();
    const length = writeBytes(header, request.generation, text.length);
    this.#writeBoth(header.subarray(0, length), text, 0);
  }

  #replyAnswer(request: Request, yes: boolean): void {
    const header = this.#newHeader();
    const length = writeAnswer(header, request.generation, yes);
    this.#write(header.subarray(0, length), 0);
  }

  /** The one of the connection while the socket does not hold it, else a new one. */
  #newHeader(): Buffer {
    return this.#unwritten === 0 ? this.#header : Buffer.alloc(REPLY_BYTES);
  }

  #hasRoomForReplies(): boolean {
    return this.#unwritten <= this.#front.limits.outputBytes;
  }

  #isBusy(): boolean {
    return this.#decoder.inRequest || this.#decoder.suspended;
  }

  /** Answers whether to go on reading. */
  #endTurn(): boolean {
    if (this.#roomWaitSince === 0) this.#front.retryWaiting();
    if (this.#finishing && !this.#isBusy()) this.close();
    if (this.#closing) {
      this.#socket?.end();
      return true;
    }
    return !this.#decoder.suspended;
  }

  #goOn(): void {
    if (this.#socket === undefined || !this.#decoder.suspended) return;
    this.#decoder.resume();
    if (this.#endTurn()) this.#socket?.resume();
  }

  /** Goes on without a block that the tiers below RAM owe for too long. */
  giveUpLate(now: number, waitMs: number): void {
    if (!this.#hasCome && now - this.#bringingSince >= waitMs) this.#afterBringing();
  }

  #afterBringing(): void {
    if (this.#bringing === undefined) return;
    this.#hasCome = true;
    this.#goOn();
  }

  #endBringing(): void {
    this.#bringing?.release();
    this.#bringing = undefined;
    this.#hasCome = false;
  }

  #writeBoth(header: Buffer, value: Buffer, slot: number): void {
    const socket = this.#socket;
    socket?.cork();
    this.#write(header, 0);
    this.#write(value, slot);
    socket?.uncork();
  }

  #write(bytes: Buffer, slot: number): void {
    this.#writing.push(slot, bytes.length);
    this.#unwritten += bytes.length;
    this.#front.bytesOut += bytes.length;
    this.#socket!.write(bytes, this.#written);
  }

  #afterWrite(): void {
    if (this.#writingHead >= this.#writing.length) return;
    const slot = this.#writing[this.#writingHead];
    this.#unwritten -= this.#writing[this.#writingHead + 1];
    this.#writingHead += 2;
    if (this.#writingHead === this.#writing.length) this.#writing.length = this.#writingHead = 0;
    if (slot !== 0 && this.#front.ram.slots.release(slot)) this.#front.retryWaiting();
    if (
      this.#decoder.suspended &&
      this.#roomWaitSince === 0 &&
      this.#bringing === undefined &&
      this.#unwritten <= this.#front.limits.outputBytes / 2
    )
      this.#goOn();
    if (this.#finishing && !this.#closing) this.finish();
  }

  #afterClose(): void {
    if (this.#socket === undefined) return;
    this.#socket = undefined;
    this.close();
    const { ram } = this.#front;
    for (; this.#writingHead < this.#writing.length; this.#writingHead += 2) {
      const slot = this.#writing[this.#writingHead];
      if (slot !== 0) ram.slots.release(slot);
    }
    this.#endBringing();
    if (this.#decoder.openBody > 0) ram.cancel(this.#decoder.openBody);
    this.#front.waiting.delete(this);
    this.#front.connections.delete(this);
    this.#front.retryWaiting();
  }

  #queuedBytes(): number {
    const handle = (this.#socket as unknown as { _handle?: { writeQueueSize?: number } })?._handle;
    return handle?.writeQueueSize ?? this.#unwritten;
  }
}

/** A value of no bytes and no format is how Keepwarm's own client deletes; engines send none. */
function isRemoval(request: Request): boolean {
  return request.length === 0 && request.format === UNDEFINED_FORMAT;
}

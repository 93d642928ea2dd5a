import type { Socket } from "node:net";
import { performance } from "node:perf_hooks";
import type { ReadMode, Reader } from "../../net/take-over.ts";
import type { Request } from "../../wire/resp/request.ts";
import {
  type RequestAnswer,
  RequestDecoder,
  type RequestReceiver,
  bodyAnswer,
  requestAnswer,
} from "../../wire/resp/request-decoder.ts";
import { MAX_KEY_BYTES } from "../../store/contract.ts";
import type { SettledOutcome } from "../../tiers/chain/lower-tier.ts";
import { AwaitedValues } from "./awaited-values.ts";
import type { Command } from "./command.ts";
import { dispatch, run } from "./dispatch.ts";
import type { FrontState } from "./front-state.ts";
import { HeldReplies, type ReplyPlace } from "./held-replies.ts";
import { LandingSlot } from "./landing-slot.ts";
import { lookAhead } from "./look-ahead.ts";
import { Output } from "./output.ts";
import { Session } from "./session.ts";

/** A part of a request that is worth as much attention as a value that stopped coming. */
const LARGE_PART_BYTES = 64 * 1024;

/** How long a client that was told goodbye may take to leave, in ms. */
const LINGER_MS = 1000;

/** Before a client has shown who it is, it gets by with this much (Redis's own figures). */
const UNAUTHENTICATED = { maxArguments: 10, maxBulkBytes: 16_384, maxRequestBytes: 65_536 };

/**
 * One client's socket: requests in, replies out, and back-pressure between them.
 *
 * While too many replies wait to be taken, or a request waits for memory or the disk, no further request
 * is decoded and nothing more is read.
 */
export class RespConnection implements Reader, RequestReceiver {
  readonly session: Session;
  readonly readMode: ReadMode;
  readonly address: string;
  readonly #front: FrontState;
  readonly #decoder: RequestDecoder;
  readonly #landing: LandingSlot;
  readonly #output: Output;
  #socket: Socket | undefined;
  #closing = false;
  #finishing = false;
  /** Where the socket reads to next: asked for right after each read, not right before. */
  #target: Uint8Array | undefined;
  /** Requests were decoded since, so that what is read there belongs elsewhere by now. */
  #hasMovedOn = false;
  #roomWaitSince = 0;
  /** The command that waits for values from below RAM. */
  #awaited: AwaitedValues | undefined;
  /** The command began to wait in this turn. */
  #mayLookAhead = false;
  /** Replies of this turn to writes that are not durable yet. */
  #unsettled: ReplyPlace[] = [];
  /** Replies that wait for that. */
  #held: HeldReplies | undefined;
  #heldSince = 0;
  #lastProgressAt: number;
  #lastQueued = 0;

  constructor(front: FrontState, address: string, readMode: ReadMode) {
    this.#front = front;
    this.#landing = new LandingSlot(front);
    this.#output = new Output(front, () => this.#afterWrite());
    this.address = address;
    this.readMode = readMode;
    const user = front.users.default;
    this.#decoder = new RequestDecoder(
      this,
      front.window,
      user.needsPassword ? UNAUTHENTICATED : front.requestLimits,
    );
    this.session = new Session(
      front.nextSessionId(),
      front,
      this,
      user.needsPassword ? undefined : user,
    );
    this.#lastProgressAt = front.now();
  }

  /** Begins to serve the socket. */
  attach(socket: Socket): void {
    this.#socket = socket;
    this.#output.attach(socket);
    this.#front.sessions.set(this.session.id, this.session);
    socket.on("error", () => {
      // The close that follows tidies up; a peer that vanished is no event.
    });
    socket.on("close", () => this.#afterClose());
  }

  get closed(): boolean {
    return this.#socket === undefined;
  }

  /** Bytes of replies that the peer has not taken. */
  get unwrittenBytes(): number {
    return this.#output.unwrittenBytes;
  }

  get heldBytes(): number {
    return this.#decoder.heldBytes;
  }

  /** Waits for memory or for the tier below RAM: it is not the peer that is slow. */
  get isWaiting(): boolean {
    return this.#roomWaitSince !== 0 || this.#isHeldUp;
  }

  // Reader

  target(): Uint8Array {
    this.#hasMovedOn = false;
    this.#target = this.#decoder.target();
    return this.#target;
  }

  advance(count: number): boolean {
    if (this.#closing) return this.#ignore(count);
    this.#beginTurn(count);
    if (this.#hasMovedOn) this.#decoder.push(this.#target!.subarray(0, count));
    else this.#decoder.advance(count);
    return this.#endTurn();
  }

  push(bytes: Uint8Array): boolean {
    if (this.#closing) return this.#ignore(bytes.length);
    this.#beginTurn(bytes.length);
    this.#decoder.push(bytes);
    return this.#endTurn();
  }

  // RequestReceiver

  request(request: Request): RequestAnswer {
    const { reply } = this.#front;
    if (this.#front.durable) this.#runDurably(request);
    else this.#run(request);
    if (this.#awaited !== undefined) return requestAnswer.again;
    if (this.#closing) return requestAnswer.stop;
    if (reply.pendingBytes + this.#output.unwrittenBytes <= this.#front.limits.outputBytes)
      return requestAnswer.next;
    if (this.#unsettled.length > 0) return requestAnswer.stop;
    this.#output.flush();
    return this.#output.unwrittenBytes <= this.#front.limits.outputBytes
      ? requestAnswer.next
      : requestAnswer.stop;
  }

  body(request: Request, index: number, length: number): number {
    const key = this.#blockKey(request, index);
    if (key === 0) {
      if (length > this.#front.limits.requestBytes) this.session.tooLongBytes = length;
      return bodyAnswer.inline;
    }
    const keyLength = request.length(key);
    if (this.session.user === undefined || keyLength > MAX_KEY_BYTES) return bodyAnswer.discard;
    this.#landing.expect(length, keyLength);
    if (length > this.#front.maxValueBytes) {
      this.session.tooLongBytes = length;
      return bodyAnswer.discard;
    }
    // Without room below it may still be kept in RAM; without room there it is lost.
    if (!this.#front.tiers.hasRoomBelow(length) && this.#mayWaitForRoom()) return bodyAnswer.wait;
    const slot = this.#front.ram.reserve(length, keyLength);
    if (slot <= 0 && this.#mayWaitForRoom()) return bodyAnswer.wait;
    this.#roomWaitSince = 0;
    return slot > 0 ? slot : bodyAnswer.discard;
  }

  landing(): Buffer | undefined {
    return this.#landing.memory();
  }

  land(request: Request, index: number, start: number, length: number): number {
    const key = this.#blockKey(request, index);
    if (key === 0 || this.session.user === undefined) return 0;
    if (length > this.#front.limits.valueBytes) return 0;
    return this.#landing.take(start, length, request.length(key));
  }

  leaveLanding(): void {
    this.#landing.leave();
  }

  bodyMemory(slot: number, from: number): Uint8Array {
    return this.#front.ram.slots.valueAndRest(slot, from);
  }

  protocolError(message: string): void {
    this.#front.protocolErrors++;
    this.#front.reply.error(`ERR Protocol error: ${message}`);
    this.close();
  }

  /** The client has shown who it is, or is to do so again. */
  authenticated(done: boolean): void {
    this.#decoder.limits = done ? this.#front.requestLimits : UNAUTHENTICATED;
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
    if (!this.#decoder.inBody && !this.#decoder.suspended && this.#output.unwrittenBytes === 0) {
      this.close();
      this.#socket?.end();
    }
  }

  /** Closes at once. */
  destroy(): void {
    this.close();
    this.#socket?.destroy();
  }

  /** Sends bytes outside the order of requests and replies (MONITOR). Too slow a client is closed. */
  send(bytes: Uint8Array): void {
    if (this.#socket === undefined || this.#closing) return;
    if (this.#output.unwrittenBytes > this.#front.limits.outputBytes) {
      this.destroy();
      return;
    }
    this.#output.write(bytes, 0);
  }

  /** Whether the command must wait for values that lie below RAM. It is run when they have come. */
  awaitValues(command: Command, request: Request): boolean {
    this.#awaited = AwaitedValues.begin(this.session, command, request, () => this.#goOnIfFree());
    if (this.#awaited === undefined) return false;
    this.#front.awaiting.add(this);
    this.#mayLookAhead = true;
    return true;
  }

  /** Goes on without what the tier below RAM owes for too long. */
  giveUpLate(): void {
    const now = this.#front.now();
    const { tierWaitMs, stallMs } = this.#front.limits;
    if (this.#awaited?.isPending === true && now - this.#awaited.since >= tierWaitMs) {
      this.#front.tierTimeouts++;
      this.#awaited.giveUp();
      this.#goOnIfFree();
    }
    if (this.#held !== undefined && now - this.#heldSince >= stallMs)
      this.#settled(this.#held, "lost");
    if (!this.#isHeldUp) this.#front.awaiting.delete(this);
  }

  /** Goes on with a request that waited for room, if there is some by now. */
  retryRoom(): void {
    if (this.#roomWaitSince !== 0 && this.#held === undefined) this.#goOn();
    if (this.#roomWaitSince === 0) this.#front.waiting.delete(this);
  }

  /**
   * Whether the peer has neither taken nor sent anything, in the middle of a value, for too long, or
   * stays although the connection is closing.
   */
  isStalled(now: number, stallMs: number): boolean {
    const queued = this.#output.queuedBytes;
    if (queued !== this.#lastQueued) {
      this.#lastQueued = queued;
      this.#lastProgressAt = now;
    }
    if (this.#closing && queued === 0 && this.#held === undefined)
      return now - this.#lastProgressAt > LINGER_MS;
    const { inBody, heldBytes } = this.#decoder;
    const midRequest = inBody || heldBytes > LARGE_PART_BYTES;
    const busy = queued > 0 || (midRequest && !this.isWaiting);
    return busy && now - Math.max(this.#lastProgressAt, this.session.lastActiveAt) > stallMs;
  }

  /** The argument that names the block which argument `index` is the value of; 0 if it is none. */
  #blockKey(request: Request, index: number): number {
    const command = this.#front.commands.find(request);
    if (command?.spec.block?.(index) !== true) return 0;
    return command.name === "mset" || command.name === "msetnx" ? index - 1 : 1;
  }

  #beginTurn(bytes: number): void {
    this.#front.bytesIn += bytes;
    this.session.lastActiveAt = this.#front.now();
    this.#front.busySince = performance.now();
    this.#front.reply.protocol = this.session.protocol;
  }

  /** Sends what the turn gave rise to. Answers whether to go on reading. */
  #endTurn(): boolean {
    if (this.#unsettled.length > 0) this.#hold();
    else if (this.#front.reply.pendingBytes > 0) this.#output.flush();
    if (this.#mayLookAhead) {
      this.#mayLookAhead = false;
      lookAhead(this.session, this.#decoder.ahead);
    }
    if (this.#roomWaitSince === 0) this.#front.retryWaiting();
    if (this.#held !== undefined) return false;
    if (this.#finishing && !this.#decoder.inBody && !this.#decoder.suspended) this.close();
    if (this.#closing) {
      this.#socket?.end();
      return true;
    }
    return !this.#decoder.suspended;
  }

  /**
   * Reads on after the last reply has been sent: only so is it noticed that the peer closes too, and
   * closing with unread bytes would reset the connection, which can cost the peer that reply.
   */
  #ignore(bytes: number): true {
    this.#front.bytesIn += bytes;
    return true;
  }

  /** Whether the tier below RAM owes something without which no request can go on. */
  get #isHeldUp(): boolean {
    return this.#held !== undefined || this.#awaited?.isPending === true;
  }

  /** Whether a value that finds no room may wait for it, or wait on. */
  #mayWaitForRoom(): boolean {
    if (this.session.transaction?.open === true) return false;
    const now = this.#front.now();
    if (this.#roomWaitSince === 0) {
      this.#roomWaitSince = now;
      this.#front.waiting.add(this);
    }
    return now - this.#roomWaitSince < this.#front.limits.roomWaitMs;
  }

  /** Runs the request, now or when the values have come that it needs. */
  #run(request: Request): void {
    if (this.#awaited === undefined) dispatch(this.session, request);
    else this.#runAwaited(this.#awaited, request);
  }

  /** The same, and remembers where the reply to a write lies. */
  #runDurably(request: Request): void {
    const { reply } = this.#front;
    const from = reply.length;
    const fromReference = reply.references.length;
    this.session.wrote = false;
    this.#run(request);
    if (!this.session.wrote) return;
    const toReference = reply.references.length;
    this.#unsettled.push({ from, fromReference, to: reply.length, toReference });
  }

  #runAwaited(awaited: AwaitedValues, request: Request): void {
    const front = this.#front;
    front.busySince = awaited.busySince;
    front.bringing = awaited.bringing;
    run(this.session, awaited.command, request);
    front.bringing = undefined;
    this.#endAwaiting();
  }

  #endAwaiting(): void {
    this.#awaited?.bringing.release();
    this.#awaited = undefined;
    if (this.#held === undefined) this.#front.awaiting.delete(this);
  }

  /** Keeps the replies of this turn back until its writes are durable. */
  #hold(): void {
    const held = new HeldReplies(this.#front.reply, this.#unsettled);
    this.#unsettled = [];
    this.#held = held;
    this.#heldSince = this.#front.now();
    this.#front.awaiting.add(this);
    this.#decoder.suspend();
    this.#front.tiers.settled().then(
      (outcome) => this.#settled(held, outcome),
      () => this.#settled(held, "lost"),
    );
  }

  #settled(held: HeldReplies, outcome: SettledOutcome): void {
    if (this.#held !== held) return;
    this.#held = undefined;
    if (this.#awaited === undefined) this.#front.awaiting.delete(this);
    const { reply, ram } = this.#front;
    reply.protocol = this.session.protocol;
    held.restore(reply, outcome === "lost", (slot) => ram.slots.release(slot));
    this.#output.flush();
    if (this.#closing) {
      this.#socket?.end();
      this.#socket?.resume();
    } else this.#goOnIfFree();
  }

  #goOnIfFree(): void {
    if (!this.#isHeldUp && this.#output.unwrittenBytes <= this.#front.limits.outputBytes)
      this.#goOn();
  }

  #goOn(): void {
    if (this.#socket === undefined || !this.#decoder.suspended) return;
    this.#beginTurn(0);
    // In the middle of a value there is nothing to decode.
    if (!this.#decoder.inBody) this.#hasMovedOn = true;
    this.#decoder.resume();
    if (this.#endTurn()) this.#socket?.resume();
  }

  #afterWrite(): void {
    if (
      this.#decoder.suspended &&
      !this.isWaiting &&
      this.#output.unwrittenBytes <= this.#front.limits.outputBytes / 2
    )
      this.#goOn();
    if (this.#finishing && !this.#closing) this.finish();
  }

  #afterClose(): void {
    if (this.#socket === undefined) return;
    this.#socket = undefined;
    this.close();
    const { ram } = this.#front;
    this.#output.detach();
    this.#endAwaiting();
    this.#held?.release((slot) => ram.slots.release(slot));
    this.#held = undefined;
    this.#front.awaiting.delete(this);
    this.#landing.leave();
    for (const slot of this.#decoder.openBodies) if (slot > 0) ram.cancel(slot);
    this.session.transaction?.discard();
    this.#front.waiting.delete(this);
    this.#front.retryWaiting();
    this.#front.monitors.delete(this.session);
    this.#front.sessions.delete(this.session.id);
  }
}

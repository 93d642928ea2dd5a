/**
 * Memory that the sockets of one event loop read into by turns: what one read brings is decoded
 * before the next one begins, so ten thousand idle connections need no buffer each.
 *
 * The beginning of an unfinished request is put back right before the place that is read to, so that
 * a request is always decoded from one piece of memory.
 */
export class ReadWindow {
  readonly buffer: Buffer;
  /** Most bytes that can be put back before a read. */
  readonly headroom: number;
  /** Where reads go. */
  readonly readAt: number;
  readonly view: Buffer;

  constructor(readBytes: number = 64 * 1024, headroom: number = 64 * 1024) {
    this.buffer = Buffer.allocUnsafeSlow(headroom + readBytes);
    this.headroom = headroom;
    this.readAt = headroom;
    this.view = this.buffer.subarray(headroom);
  }

  /** Up to `length` bytes of memory for input that nobody wants. */
  scratch(length: number): Buffer {
    return length >= this.view.length
      ? this.view
      : this.buffer.subarray(this.readAt, this.readAt + length);
  }
}

/** One argument of a command; text is sent as UTF-8. */
export type Argument = string | Uint8Array;

/** Arguments shorter than this are copied into one buffer; longer ones are written as they are. */
const inlineBytes = 4096;

/**
 * The pieces of a command on the wire, `*<n>` and for each argument `$<length>`, bytes, CR LF.
 * Short arguments are joined; a long one is a piece of its own, sent from where it lies.
 *
 * @param body Last argument in several parts that are sent back to back, never joined.
 */
export function encodeRequest(
  args: readonly Argument[],
  body?: readonly Uint8Array[],
): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let text = `*${args.length + (body ? 1 : 0)}\r\n`;
  for (const arg of args) {
    if (typeof arg === "string") text += `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`;
    else if (arg.length < inlineBytes && isAscii(arg))
      text += `$${arg.length}\r\n${latin1(arg)}\r\n`;
    else {
      pieces.push(Buffer.from(`${text}$${arg.length}\r\n`), arg);
      text = "\r\n";
    }
  }
  if (body) {
    let length = 0;
    for (const part of body) length += part.length;
    pieces.push(Buffer.from(`${text}$${length}\r\n`), ...body);
    text = "\r\n";
  }
  pieces.push(Buffer.from(text));
  return pieces;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function isAscii(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte > 127) return false;
  return true;
}

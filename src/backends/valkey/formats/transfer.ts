import type { Reply } from "../../../wire/resp/reply.ts";
import type { Call, Commands } from "../commands.ts";
import type { Place } from "../waiting.ts";

/** Values of this size on are worth asking first whether they are there. */
export const worthAskingBytes = 64 * 1024;

interface Fetched {
  readonly memory: Uint8Array;
  readonly bytes: number;
  readonly ttlMs: number | undefined;
}

/** Reads a value and, if asked to, the time it has left, in one round trip. */
export async function fetchValue(
  commands: Commands,
  name: Buffer,
  place: Place,
  call: Call,
  readTtl: boolean,
): Promise<Fetched | "absent" | "refused"> {
  let memory: Uint8Array | undefined;
  const [outcome, pttl] = await commands.value(
    name,
    call,
    0,
    async (turn): Promise<[number | "absent" | "refused", Reply]> => {
      const remember = (length: number) => {
        turn.moved(length);
        return (memory = place(length));
      };
      turn.prepare();
      const value = turn.connection.getTo(name, remember, turn.options);
      if (!readTtl) return [await value, -1];
      turn.prepare();
      return Promise.all([value, turn.connection.command(["PTTL", name], turn.options)]);
    },
  );
  if (typeof outcome === "string") return outcome;
  // An empty value asks for no memory.
  return { memory: memory ?? new Uint8Array(0), bytes: outcome, ttlMs: timeLeft(pttl) };
}

/** The time that PTTL names: -1 for ever, -2 for what has just gone. */
export function timeLeft(pttl: Reply): number | undefined {
  return typeof pttl !== "number" || pttl === -1 ? undefined : Math.max(pttl, 0);
}

/** Stores a value that lies in parts. */
export async function storeValue(
  commands: Commands,
  name: Buffer,
  parts: readonly Uint8Array[],
  options: { readonly ttlMs: number | undefined; readonly ifAbsent: boolean },
  call: Call,
): Promise<"stored" | "exists"> {
  const { ttlMs, ifAbsent } = options;
  const expiry = ttlMs === undefined ? [] : ["PX", String(Math.max(Math.ceil(ttlMs), 1))];
  const args = ["SET", name, parts, ...expiry, ...(ifAbsent ? ["NX"] : [])];
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const reply = await commands.value(name, call, Math.max(bytes, 1), (turn) => {
    turn.prepare();
    turn.moved(bytes);
    return turn.connection.command(args, turn.options);
  });
  return reply === null ? "exists" : "stored";
}

/** Whether all of the names exist. */
export async function allExist(
  commands: Commands,
  names: readonly Buffer[],
  call: Call,
): Promise<boolean> {
  const lookups = names.map((name) => ({ name, args: ["EXISTS", name] }));
  return (await commands.lookups(lookups, call, true)).every((reply) => reply === 1);
}

/** Deletes in the background what is of no use to anybody. */
export function forget(commands: Commands, name: Buffer, { due }: Call): void {
  void commands.lookups([{ name, args: ["DEL", name] }], { due, signal: undefined }, false);
}

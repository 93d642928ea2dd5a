import type { RespConnection } from "../../backends/valkey/connection.ts";
import { KeepwarmError } from "../../errors.ts";
import { replyText, type Reply } from "../../wire/resp/reply.ts";
import { knowsCommand, replyCount } from "../server/snapshot.ts";

/** What a server knows of a key. Times are milliseconds since 1970, by the server's clock. */
export type Fate =
  | { readonly state: "present"; readonly tiers: readonly string[] }
  | (Absence & {
      /** Stores on other machines, which may have it, did not answer in time. */
      readonly unanswered?: true;
    });

type Absence =
  | {
      readonly state: "left";
      readonly tier: string;
      readonly reason: string;
      readonly at: number;
      readonly idleMs: number;
    }
  | { readonly state: "cleared"; readonly at: number }
  /** `since`: for how long all departures are remembered; absent on servers that remember none. */
  | { readonly state: "unknown"; readonly since?: number };

const KEYS_A_CALL = 2000;

/** Whether the server has `KW.WHY`; of others only `EXISTS` is asked. */
export function knowsWhy(connection: RespConnection): Promise<boolean> {
  return knowsCommand(connection, ["KW.WHY", "keepwarm:explain"]);
}

/** The fates of keys, in their order. */
export async function fatesOf(
  connection: RespConnection,
  keys: readonly Buffer[],
  rich: boolean,
): Promise<Fate[]> {
  if (!rich) return Promise.all(keys.map((key) => existence(connection, key)));
  const fates: Fate[] = [];
  for (let from = 0; from < keys.length; from += KEYS_A_CALL) {
    const some = keys.slice(from, from + KEYS_A_CALL);
    const reply = await connection.command(["KW.WHY", ...some]);
    if (!Array.isArray(reply) || reply.length !== some.length) throw strange();
    fates.push(...reply.map(fateOf));
  }
  return fates;
}

async function existence(connection: RespConnection, key: Buffer): Promise<Fate> {
  const there = replyCount(await connection.command(["EXISTS", key])) > 0;
  return there ? { state: "present", tiers: [] } : { state: "unknown" };
}

function fateOf(reply: Reply): Fate {
  const [state, ...rest] = Array.isArray(reply) ? reply : [];
  if (replyText(state) === "present")
    return { state: "present", tiers: rest.map((tier) => replyText(tier) ?? "") };
  const absence = absenceOf(replyText(state), rest);
  return isUnanswered(rest.at(-1)) ? { ...absence, unanswered: true } : absence;
}

function isUnanswered(last: Reply | undefined): boolean {
  return Buffer.isBuffer(last) && replyText(last) === "unanswered";
}

function absenceOf(state: string | undefined, rest: readonly Reply[]): Absence {
  const text = (index: number): string => replyText(rest[index]) ?? "";
  switch (state) {
    case "left":
      return {
        state: "left",
        tier: text(0),
        reason: text(1),
        at: replyCount(rest[2]),
        idleMs: replyCount(rest[3]),
      };
    case "cleared":
      return { state: "cleared", at: replyCount(rest[0]) };
    case "unknown":
      return { state: "unknown", since: replyCount(rest[0]) };
    default:
      throw strange();
  }
}

function strange(): KeepwarmError {
  return new KeepwarmError("PROTOCOL", "the server answered KW.WHY in an unknown form", {
    remedy: "Use a command line and a server of the same version.",
  });
}

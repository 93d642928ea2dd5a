import { KeepwarmError } from "../../errors.ts";
import type { ReplyError } from "../../wire/resp/reply.ts";

const remedies: Readonly<Record<string, string>> = {
  NOAUTH: "Give the password in the URL or in KEEPWARM_PASSWORD.",
  WRONGPASS: "Check the user and password in the URL or in KEEPWARM_PASSWORD.",
  NOPERM: "Use a user that has this right.",
  OOM: "Give the server more memory, or a policy that evicts.",
  MOVED: "Name the node that serves this slot; this client follows no redirections.",
};

/** An error reply as an error of ours; its `cause` is the reply. */
export function replyFailure(reply: ReplyError, label: string): KeepwarmError {
  const remedy = remedies[reply.code];
  return new KeepwarmError("REPLY", `${label} answered: ${reply.message}`, {
    cause: reply,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

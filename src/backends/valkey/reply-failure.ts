import { KeepwarmError } from "../../errors.ts";
import { ReplyError } from "../../wire/resp/reply.ts";

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

/** The error reply that `error` tells of, if it tells of one. */
export function replyOf(error: unknown): ReplyError | undefined {
  const cause = error instanceof KeepwarmError ? error.cause : undefined;
  return cause instanceof ReplyError ? cause : undefined;
}
